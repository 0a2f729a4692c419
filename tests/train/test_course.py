"""The whole way from a seed to a folder that Lookout serves, in a minute; good it need not be."""

import asyncio
import os
import re
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="`make train-demo` installs what training needs")
pytest.importorskip("transformers")

from bus.messages import Delta, Finished, Sampling
from inference.engine import Turn, engine_module
from tests.stack import command_line, descendants
from tests.waiting import until

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "models.demo.train", "--minutes", "0.3", "--scenes", "1")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    train(folder)
    return folder


def train(folder: Path) -> str:
    env = os.environ | {"TORCH_COMPILE_DISABLE": "1"}  # compiling would take most of the time
    done = subprocess.run(
        [*COMMAND, "--out", str(folder)],
        env=env, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


@pytest.mark.timeout(300)
def test_training_ends_with_a_report_and_a_picture_of_what_was_examined(out: Path) -> None:
    report = (out / "report.md").read_text()
    for row in ("| describe |", "| rule |", "| decoys |", "calibration error", "never taught"):
        assert row in report
    with Image.open(out / "grid.jpg") as grid:
        assert grid.width > 1000
    log = (out / "log").read_text()
    assert re.search(r"eyes done after \d+ steps", log)
    assert re.search(r"together done after \d+ steps", log)


def test_what_was_trained_is_small_and_can_be_served(out: Path) -> None:
    model = out / "model"
    assert sum(file.stat().st_size for file in model.iterdir()) < 10_000_000
    assert asyncio.run(answer(model))
    bundled = {file.name for file in (ROOT / "models" / "demo").iterdir()}
    assert {file.name for file in model.iterdir()} <= bundled


@pytest.mark.timeout(200)
def test_training_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    training = subprocess.Popen(
        [*COMMAND, "--out", str(tmp_path)],
        env=os.environ | {"TORCH_COMPILE_DISABLE": "1"}, cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: "eyes begins" in read(tmp_path / "log"), 120)
    seeing = [pid for pid in descendants(training.pid) if "spawn_main" in command_line(pid)]
    assert seeing
    training.kill()
    training.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in seeing), 30)


def read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


async def answer(model: Path) -> str:
    url = f"openvino:{model}"
    grey = np.full((720, 1280, 3), 128, np.uint8)
    async with engine_module(url).open(url) as engine:
        turns = [Turn("user", (grey, "Is there a fire?"))]
        async with aclosing(engine.generate(turns, Sampling(max_tokens=4))) as events:
            found = [event async for event in events]
    assert isinstance(found[-1], Finished)
    return "".join(event.text for event in found if isinstance(event, Delta))


@pytest.mark.timeout(200)
def test_what_is_done_is_not_done_again(out: Path) -> None:
    log = train(out)
    assert "eyes goes on after" in log and "together goes on after" in log

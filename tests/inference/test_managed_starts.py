"""Programs that do not start as they should: we are told why, in time, and nothing is left."""

import asyncio
import logging
import os
from pathlib import Path
from time import monotonic

import pytest

from bus.errors import BadSettings, EngineError
from inference.engine import EngineLost
from inference.engines.mlc import open
from inference.managed.mlc_model import CONFIG
from inference.supervised import NOTE, Note
from tests.conftest import Run
from tests.inference.mlc_models import ask, make_model, only_linux
from tests.stack import descendants

HUB = "HF://mlc-ai/Tiny"


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("crashes", EngineLost, r"mlc_llm died \(exit status 1\): TVMError: CUDA: out of memory"),
        ("chatters, crashes", EngineLost, "CUDA: out of memory"),
        ("garbles, crashes", EngineLost, "CUDA: out of memory"),
        ("ends", EngineLost, r"exit status 0"),
        ("refuses", EngineError, "Internal Server Error"),
        ("hangs", EngineError, "not ready in time .*cannot load the library"),
        ("mute", EngineError, "does not answer its first request"),
        ("hangs at pictures", EngineError, "does not answer when it is shown a picture"),
        ("deaf, hangs", EngineError, "not ready in time"),
    ],
)
def test_a_start_that_fails_says_why_and_leaves_nothing(
    run: Run, tmp_path: Path, fault: str, error: type[Exception], says: str
) -> None:
    strangers = descendants(os.getpid())  # of other tests in this process

    async def scenario() -> None:
        model, began = make_model(tmp_path / "m", fault), monotonic()
        with pytest.raises(error, match=says) as caught:
            async with open(model.url(start_s=3 if "not" in says else 20)):
                pass
        assert monotonic() - began < 15
        assert len(str(caught.value)) < 2500
        assert model.lives == 1

    run(scenario())
    assert set(descendants(os.getpid())) <= set(strangers)


def test_a_program_that_makes_progress_may_take_longer(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        note = Note()
        NOTE.set(note)
        seen = set[str]()
        model = make_model(tmp_path / "m", "chatters, garbles, creeps")
        opening = asyncio.create_task(enter(model.url(start_s=3)))
        while not opening.done():
            seen.add(note.text)
            await asyncio.sleep(0.02)
        assert await opening == "hello "
        assert "downloading params_shard_3.bin" in seen
        assert note.text == ""

    caplog.set_level(logging.INFO)
    run(scenario())
    assert "program loading name=m: downloading params_shard_0.bin" in caplog.text
    assert "quantization=q4f16_1 context=2048 device=auto" in caplog.text


def test_progress_has_its_limit(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        model = make_model(tmp_path / "m", "creeps")
        with pytest.raises(EngineError, match=r"start_most_s=3 in all.*params_shard"):
            async with open(model.url(start_s=2, start_most_s=3)):
                pass

    run(scenario())


def test_a_port_that_is_taken_is_followed_by_another(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        model = make_model(tmp_path / "m", "port", "")
        async with open(model.url()) as engine:
            assert await ask(engine, "hello") == "hello "
        assert model.lives == 2

    run(scenario())


def test_what_is_not_there_is_neither_downloaded_nor_compiled_unasked(
    run: Run, tmp_path: Path
) -> None:
    async def scenario() -> None:
        model = make_model(tmp_path / "m")
        with pytest.raises(BadSettings, match=r"mlc_llm: .*not compiled .* add jit=1"):
            await enter(model.url(model_lib=""))
        assert await enter(model.url(model_lib="", jit=1)) == "hello "
        hub = model.url(home=tmp_path / "home").replace(str(model.folder), HUB)
        with pytest.raises(BadSettings, match="not on this machine: add download=1"):
            await enter(hub)

    run(scenario())


def test_a_model_of_the_hub_is_used_again_without_a_download(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        kept = tmp_path / "home/model_weights/hf/mlc-ai/Tiny-q4f16_1-MLC"
        model = make_model(kept)
        assert (kept / CONFIG).exists()
        url = model.url(home=tmp_path / "home").replace(str(model.folder), HUB)
        assert await enter(url) == "hello "
        command, _ = model.started
        assert command[2] == "HF://mlc-ai/Tiny-q4f16_1-MLC"

    run(scenario())


@only_linux
def test_a_key_and_a_secret_of_ours_stay_ours(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    model = make_model(tmp_path / "m")
    run(enter(model.url()))
    command, env = model.started
    key = command[command.index("--api-key") + 1]
    assert len(key) == 48
    assert key not in caplog.text
    assert not [name for name in env if name.startswith(("LOOKOUT_", "REDIS_"))]
    assert env["MLC_JIT_POLICY"] == env["MLC_DOWNLOAD_CACHE_POLICY"] == "READONLY"


async def enter(url: str) -> str:
    async with open(url) as engine:
        return await ask(engine, "hello")

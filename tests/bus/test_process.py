"""A process stops when asked, is stopped when it will not, and says what it cannot start with."""

import json
import os
import subprocess
import sys
from pathlib import Path
from signal import SIGTERM

import pytest

from bus.errors import BadSettings
from bus.log import mask
from bus.settings import BusSettings, read

ROOT = Path(__file__).parents[2]
PROCESS = """
import asyncio, sys
from bus.process import run
from bus.settings import BusSettings

async def main(settings, stop):
    print("ready", flush=True)
    await stop.wait()
    {then}

sys.exit(run("test", BusSettings, main, drain_s=0.1))
"""


@pytest.mark.parametrize(
    ("then", "status"), [("return", 0), ("await asyncio.Event().wait()", 1)], ids=str
)
def test_a_process_drains_or_is_cut_short(tmp_path: Path, then: str, status: int) -> None:
    command = [sys.executable, "-c", PROCESS.format(then=then)]
    env = {**os.environ, "LOOKOUT_RUN_DIR": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(SIGTERM)
        assert process.wait(timeout=10) == status
        first = json.loads(process.stderr.readline())
    assert (first["level"], first["event"]) == ("INFO", "process started")


def test_settings_come_from_the_environment() -> None:
    env = {"LOOKOUT_RUN_DIR": "/somewhere", "REDIS_URL": "redis://r", "LOOKOUT_PROCESS": ""}
    settings = read(BusSettings, env)
    assert (settings.run_dir, settings.redis_url, settings.process) == (
        "/somewhere",
        "redis://r",
        "",
    )


class Example(BusSettings, frozen=True, kw_only=True):
    port: int = 1
    names: tuple[str, ...] = ()
    on: bool = False


def test_numbers_lists_and_switches_are_understood() -> None:
    env = {"LOOKOUT_PORT": "9", "LOOKOUT_NAMES": "a  b", "LOOKOUT_ON": "true"}
    settings = read(Example, env)
    assert (settings.port, settings.names, settings.on) == (9, ("a", "b"), True)


def test_a_value_that_does_not_fit_is_named_after_its_variable() -> None:
    with pytest.raises(BadSettings, match="LOOKOUT_PORT: expected `int`"):
        read(Example, {"LOOKOUT_PORT": "many"})


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("rtsp://user:pa:ss@10.0.0.5/x", "rtsp://***@10.0.0.5/x"),
        ("cannot open rtsp://u:p@h/x: no", "cannot open rtsp://***@h/x: no"),
        ("rtsp://user:p@ss/w@10.0.0.5/x", "rtsp://***@10.0.0.5/x"),
        ("http://h/x.cgi?user=me&pwd=secret&ch=1", "http://h/x.cgi?user=me&pwd=***&ch=1"),
        ("redis://:secret@h:1", "redis://***@h:1"),
        ("no url@all", "no url@all"),
    ],
)
def test_credentials_of_urls_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked

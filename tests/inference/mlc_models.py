"""Models for the MLC fake: folders that say what goes wrong with them; and asking an engine."""

import json
import os
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from bus.messages import Delta, Finished, Sampling
from inference.engine import Engine, Pixels, Turn

FAKE = Path(__file__).with_name("fake_mlc.py")
USUAL = {"start_s": 20, "first_token_s": 20, "token_s": 20, "stop_s": 0.2}
IMPATIENT = {"first_token_s": 1, "token_s": 0.7}


@dataclass(frozen=True)
class Model:
    folder: Path

    def url(self, **settings: Any) -> str:
        library = {"program": FAKE, "model_lib": "mock://echo"}
        return f"mlc:{self.folder}?{urlencode({**library, **USUAL, **settings})}"

    @property
    def lives(self) -> int:
        return int(self._read("lives") or "0")

    @property
    def started(self) -> tuple[list[str], dict[str, str]]:
        """The command line and the environment of the last start."""
        command, env = json.loads(self._read("command.json"))
        return command, env

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._read("requests").splitlines()]

    @property
    def aborted(self) -> int:
        return len(self._read("aborted"))

    def _read(self, name: str) -> str:
        file = self.folder / name
        return file.read_text() if file.exists() else ""


def make_model(folder: Path, *lives: str, kind: str = "llava") -> Model:
    """*lives*: the faults of its first start, of its second one, and so on."""
    folder.mkdir(parents=True)
    card = {"model_type": kind, "quantization": "q4f16_1", "context_window_size": 2048}
    (folder / "mlc-chat-config.json").write_text(json.dumps(card))
    (folder / "fake.json").write_text(json.dumps([life.split(", ") for life in lives]))
    return Model(folder)


async def ask(engine: Engine, *content: str | Pixels, **sampling: Any) -> str:
    turns = [Turn("user", content)]
    return (await answer(engine, turns, Sampling(**sampling)))[0]


async def answer(engine: Engine, turns: list[Turn], sampling: Sampling) -> tuple[str, Finished]:
    said = ""
    async with aclosing(engine.generate(turns, sampling)) as events:
        async for event in events:
            if isinstance(event, Finished):
                return said, event
            assert isinstance(event, Delta)
            said += event.text
    raise AssertionError("no last event")


def is_there(pid: int) -> bool:
    """Also as a zombie."""
    return Path(f"/proc/{pid}").exists()


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


only_linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")

"""`lookout up` in a test: started and stopped as a user would, its processes at hand."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bus.frames import socket_dir
from compose.ports import free_port
from tests.waiting import until

STOP_S = 10.0


@dataclass(frozen=True)
class Stack:
    url: str
    folder: Path  # holds data, run and media
    process: subprocess.Popen[str]

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    @property
    def redis_url(self) -> str:
        return f"unix://{socket_dir(str(self.folder / 'run')) / 'redis.sock'}"

    def pids(self, module: str) -> list[int]:
        """Processes of this stack that run *module*: `inference`, `api`, `valkey-server`."""
        return [pid for pid in descendants(self.process.pid) if module in command_line(pid)]

    def kill(self, module: str, name: str = "") -> int:
        """Kill -9 the one process that runs *module*, called *name*, once it does; its pid."""
        (pid,) = until(
            lambda: [
                pid
                for pid in children(self.process.pid)
                if module in command_line(pid)
                if not name or f"LOOKOUT_PROCESS={name}" in environment(pid)
            ]
        )
        os.kill(pid, signal.SIGKILL)
        return pid


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children(pid: int) -> list[int]:
    try:
        lists = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for text in lists for child in text.split()]


def descendants(pid: int) -> list[int]:
    return [found for child in children(pid) for found in (child, *descendants(child))]


@contextmanager
def running(folder: Path, *arguments: str, **env: str) -> Iterator[Stack]:
    """A stack with its own directories and port; it must stop in time and leave no process."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "lookout", "up", "--port", str(port)),
        *("--data-dir", str(folder / "data"), "--run-dir", str(folder / "run")),
        *("--preview-port", "0", *arguments),
    ]
    settings = {"LOOKOUT_LOG_LEVEL": "WARNING", **env}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings},
        cwd=Path(__file__).parents[1],
    ) as process:
        try:
            stack = Stack(f"http://127.0.0.1:{port}", folder, process)
            assert process.stdout
            assert process.stdout.readline() == f"ready {stack.url}\n"
            yield stack
        finally:
            family = descendants(process.pid)
            process.terminate()
            began = time.monotonic()
            status = process.wait(timeout=STOP_S + 5)
            took_s = time.monotonic() - began
    assert status == 0
    assert took_s < STOP_S
    assert [pid for pid in family if command_line(pid)] == []

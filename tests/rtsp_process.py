"""The RTSP camera of the tests in a process of its own, so that it can be stopped and killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compose.ports import free_port

ROOT = Path(__file__).parent.parent


class RtspProcess:
    """Use `rtsp_process`; `start` it again after `kill`: it has the same port."""

    def __init__(self, size: str, fps: int, login: str) -> None:
        self.port = free_port()
        self._arguments = [size, str(fps), str(self.port), login]
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.rtsp_server", *self._arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()

    def turn(self, line: str) -> None:
        assert self._process
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe
                pipe.close()
            self._process = None

    def _signal(self, number: int) -> None:
        assert self._process
        os.kill(self._process.pid, number)


@contextmanager
def rtsp_process(size: str = "320x240", fps: int = 15, login: str = "") -> Iterator[RtspProcess]:
    camera = RtspProcess(size, fps, login)
    camera.start()
    try:
        yield camera
    finally:
        camera.kill()

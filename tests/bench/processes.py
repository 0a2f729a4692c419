"""Child processes of the bench, what they print, and the processor time that any process took."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from os import environ
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]


@contextmanager
def child(
    command: list[str], env: Mapping[str, str] | None = None, errors: IO[str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """*command* until the block is left; *errors* is where its stderr goes, if not to ours."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env={**environ, **(env or {})},
        cwd=ROOT,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def python(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def said(process: subprocess.Popen[str]) -> Any:
    """The next line of *process*, which is JSON."""
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended with status {process.wait()}")
    return json.loads(line)


def until(ready: Callable[[], bool], within_s: float = 30.0) -> None:
    """Ask again until it is; that nobody listens yet is a no."""
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        with suppress(OSError):
            if ready():
                return
        time.sleep(0.05)
    raise TimeoutError(f"not ready within {within_s:g} s")


def resident_mb(pid: int) -> float:
    """The memory that the process has in use now."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


def say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def cpu_s(pid: int) -> float:
    """Processor time of the threads of *pid*, to the nanosecond; needs Linux."""
    spent_ns = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            spent_ns += int((task / "schedstat").read_text().split()[0])
    return spent_ns / 1e9


def can_tell_cpu() -> bool:
    return Path("/proc/self/schedstat").exists()


class Clock:
    """Processor time and wall time of some processes from here on."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._began, self._before = time.monotonic(), self._now()

    def _now(self) -> dict[str, float]:
        return {name: cpu_s(pid) for name, pid in self._pids.items()}

    def spent_s(self) -> dict[str, float]:
        return {name: now - self._before[name] for name, now in self._now().items()}

    def ms_each(self, count: float) -> dict[str, float]:
        """Of *count* things that have been done since."""
        return {name: spent * 1000 / count for name, spent in self.spent_s().items()}

    def percent(self) -> dict[str, float]:
        """Of a core."""
        took_s = time.monotonic() - self._began
        return {name: 100 * spent / took_s for name, spent in self.spent_s().items()}

"""Whatever dies first, nothing of a program outlives us: not its children, not its port."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.inference.mlc_models import Model, is_there, make_model, only_linux
from tests.stack import command_line, descendants
from tests.waiting import until

pytestmark = only_linux
ROOT = Path(__file__).parents[2]
GUARD = (sys.executable, "-m", "inference.managed.guard")
# A child that will not end, with one of its own that has left the family and is an orphan.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
if os.fork() == 0:
    subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    os._exit(0)
os.wait()
sys.stderr.write("ready\\n")
sys.stderr.flush()
time.sleep(600)
"""


@contextmanager
def guarded(*command: str, grace_s: float = 0.2) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([*GUARD, str(grace_s), *command], stderr=subprocess.PIPE) as guard:
        try:
            yield guard
        finally:
            guard.kill()


@contextmanager
def worker(model: Model) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A worker with its engine ready, and the processes below it."""
    command = [sys.executable, "-m", "tests.inference.managed_worker", model.url()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            family = descendants(process.pid)
            assert len(family) >= 2
            yield process, family
        finally:
            process.kill()


def port_of(model: Model) -> int:
    command, _ = model.started
    return int(command[command.index("--port") + 1])


def assert_nothing_left(family: list[int], port: int) -> None:
    until(lambda: not [pid for pid in family if is_there(pid)], within_s=10)
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections may linger
        free.bind(("127.0.0.1", port))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_dies_leaves_no_program(tmp_path: Path, number: int) -> None:
    """Not even one that ignores SIGTERM, with children that have left its session."""
    model = make_model(tmp_path / "m", "deaf, leaks")
    with worker(model) as (process, family):
        assert len([pid for pid in family if "sleep" in command_line(pid)]) == 2
        os.kill(process.pid, number)
        process.wait(10)
        assert_nothing_left(family, port_of(model))


def test_a_guard_that_dies_takes_the_program_along(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m")
    with worker(model) as (process, family):
        (guard,) = [pid for pid in family if "managed.guard" in command_line(pid)]
        os.kill(guard, signal.SIGKILL)
        until(lambda: not is_there(guard))  # buried by the worker
        until(lambda: [pid for pid in descendants(process.pid) if pid not in family])
        until(lambda: not [pid for pid in family if is_there(pid)])


def test_the_guard_ends_as_its_program_does() -> None:
    for script, status in (("exit 7", 7), ("exit 0", 0), ("kill -SEGV $$", -signal.SIGSEGV)):
        with guarded("sh", "-c", script) as guard:
            assert guard.wait(10) == status


def test_a_program_that_cannot_be_started_is_bad_settings() -> None:
    with guarded("/nowhere/at-all") as guard:
        assert guard.wait(10) == 2
        assert guard.stderr
        assert b"/nowhere/at-all cannot be started: No such file" in guard.stderr.read()


def test_orphans_of_a_program_end_with_it() -> None:
    with guarded(sys.executable, "-c", STUBBORN) as guard:
        assert guard.stderr
        assert guard.stderr.readline() == b"ready\n"
        family = descendants(guard.pid)
        assert len(family) == 2
        (child,) = [pid for pid in family if "fork" in command_line(pid)]
        os.kill(child, signal.SIGKILL)
        assert guard.wait(10) == -signal.SIGKILL
        assert not [pid for pid in family if is_there(pid)]


def test_the_second_signal_does_not_wait_for_the_grace() -> None:
    with guarded(sys.executable, "-c", STUBBORN, grace_s=600) as guard:
        assert guard.stderr
        assert guard.stderr.readline() == b"ready\n"
        family = descendants(guard.pid)
        guard.terminate()
        guard.send_signal(signal.SIGINT)
        assert guard.wait(10) == -signal.SIGKILL
        assert not [pid for pid in family if is_there(pid)]


def test_a_program_that_listens_has_the_grace() -> None:
    script = "trap 'echo bye >&2; exit 3' TERM; echo ready >&2; while :; do sleep 0.1; done"
    with guarded("bash", "-c", script, grace_s=10) as guard:
        assert guard.stderr
        assert guard.stderr.readline() == b"ready\n"
        guard.terminate()
        assert guard.wait(10) == 3
        assert guard.stderr.read().endswith(b"bye\n")

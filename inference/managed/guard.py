"""
Stands between us and a program of other people's, so that nothing of it outlives us.

    python -m inference.managed.guard GRACE_S COMMAND...

It runs the command, writes all that this says to stderr, and ends as it ends. What the
program leaves behind is killed before that, whoever it has left for: on Linux every
descendant becomes the guard's own child when its parent dies. SIGTERM, which the kernel
also sends when the process that started the guard dies, has the program asked to stop; after
the grace, or with a second SIGTERM, everything is killed.
"""

import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

from bus.child import adopt_orphans, die_with_parent

CANNOT_START = 2  # the exit status of a program that can never work like this
LOOK_EVERY_S = 0.05  # what is killed may have had children the moment before
ASK = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Guard:
    """One program and its family. `asked` counts how often we were told to end it."""

    def __init__(self) -> None:
        self.asked = 0
        self.status: int | None = None  # of the program, as `waitpid` gives it
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in ASK:
            signal.signal(number, self._heed)

    def _heed(self, *_: object) -> None:
        self.asked += 1

    def run(self, command: Sequence[str], grace_s: float) -> int:
        """How the program ended, as `waitpid` says it."""
        with subprocess.Popen(
            command,
            process_group=0,
            preexec_fn=die_with_parent(os.getpid(), signal.SIGKILL),  # noqa: PLW1509 - one thread
        ) as program:
            while self.status is None and not self.asked:
                self._wait(None)
                self._reap(program)
            if self.asked:
                self._end_kindly(program, monotonic() + grace_s)
            self._kill_all(program)
        return self.status or 0

    def _end_kindly(self, program: subprocess.Popen[bytes], until: float) -> None:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGTERM)
        while self._reap(program) and self.asked == 1 and (left_s := until - monotonic()) > 0:
            self._wait(left_s)

    def _kill_all(self, program: subprocess.Popen[bytes]) -> None:
        while self._reap(program):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(program.pid, signal.SIGKILL)
            for pid in descendants(os.getpid()):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._wait(LOOK_EVERY_S)

    def _reap(self, program: subprocess.Popen[bytes]) -> bool:
        """Bury who has died; whether anybody is left."""
        try:
            while (died := os.waitpid(-1, os.WNOHANG))[0]:
                if died[0] == program.pid:
                    self.status = program.returncode = died[1]
        except ChildProcessError:
            return False
        return True

    def _wait(self, most_s: float | None) -> None:
        """Until a signal comes."""
        if select.select([self._woken], [], [], most_s)[0]:
            os.read(self._woken, 512)


def descendants(pid: int) -> Iterator[int]:
    """Children, their children and so on; on Linux."""
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in task.read_text().split():
                yield from descendants(int(child))
                yield int(child)


def end_like(status: int) -> int:
    """The exit status for ours; or die of the signal that the program has died of."""
    if not os.WIFSIGNALED(status):
        return os.waitstatus_to_exitcode(status)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program may have dumped its own
    number = os.WTERMSIG(status)
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def main(grace_s: str, *command: str) -> int:
    os.dup2(2, 1)
    adopt_orphans()
    guard = Guard()
    try:
        return end_like(guard.run(command, float(grace_s)))
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
        return CANNOT_START


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

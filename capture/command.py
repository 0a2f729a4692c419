"""
A child process whose output is read: in its own process group, killed whole, orphan-proof.

It may be started by any thread, and is killed when that thread ends. Knows nothing of
pictures.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from re import findall
from selectors import EVENT_READ, DefaultSelector
from time import monotonic
from typing import IO

from bus.errors import CameraError
from bus.log import mask

TERM_S = 0.15  # to end by itself; some leave their camera unusable when they are killed
KILL_S = 0.2
LOOK_S = 0.1  # so often, a read looks whether it shall go on
LAST_WORDS_S = 0.3  # of one that has closed its output
CHUNK, KEPT, LONGEST = 1 << 16, 4096, 200  # bytes, bytes, characters

# Runs in the child before the command does. Not as `preexec_fn`: that would be Python code
# between fork and exec, in a process with many threads, whose locks nobody would release.
# What the command prints goes to stderr if its frames come through another descriptor.
TETHER = """
import ctypes, os, signal, sys
parent, descriptor, *command = sys.argv[1:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.getppid() != int(parent):
    os._exit(1)
for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them
    signal.signal(number, signal.SIG_DFL)
if descriptor != "1":
    os.dup2(1, int(descriptor))
    os.dup2(2, 1)
try:
    os.execvp(command[0], command)
except OSError as error:
    sys.exit(f"{command[0]}: {error.strerror}")
"""


class Child:
    """Read by one thread; another may `kill` it. Use `running`."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout
        assert process.stderr
        self._process, self._out, self._err = process, process.stdout, process.stderr
        self._said = b""  # the end of what it wrote to stderr
        self._killed = False
        self.ended = False  # there is nothing more to read
        self._selector = DefaultSelector()
        for pipe in (self._out, self._err):
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, EVENT_READ)

    def read(self, size: int = CHUNK) -> bytes:
        """What it wrote, at most *size* bytes; nothing when it has ended or was killed."""
        while not self._killed:
            ready = [key.fileobj for key, _ in self._selector.select(LOOK_S)]
            if self._err in ready:
                self._listen()
            if self._out in ready and (data := _read(self._out, size)) is not None:
                self.ended = not data
                return data
        self.ended = True
        return b""

    def last_words(self) -> str:
        """The last line of its stderr that tells of an error, or simply the last; masked."""
        lines = [line.strip() for line in findall(r"[^\r\n]+", self._said.decode(errors="replace"))]
        spoken = [line for line in lines if line]
        errors = [line for line in spoken if "error" in line.lower()]
        return mask((errors or spoken or [""])[-1])[:LONGEST]

    def farewell(self) -> str:
        """Why there is nothing more to read from it. It gets a moment to say so."""
        until = monotonic() + LAST_WORDS_S
        with suppress(KeyError):
            self._selector.unregister(self._out)
        while not self._killed and self._selector.get_map() and monotonic() < until:
            if self._selector.select(LOOK_S):
                self._listen()
        self._wait(max(0.0, until - monotonic()))
        return f"the command ended{self._status()}: {self.last_words()}".removesuffix(": ")

    def kill(self) -> None:
        """Ask its group to end, then make it; return within half a second."""
        if not self._killed:
            self._killed = True
            self._signal(signal.SIGTERM)
            self._wait(TERM_S)
        self._signal(signal.SIGKILL)
        self._wait(KILL_S)

    def close(self) -> None:
        self.kill()
        self._selector.close()
        self._out.close()
        self._err.close()

    def _listen(self) -> None:
        said = _read(self._err, KEPT)
        if said == b"":
            self._selector.unregister(self._err)
        self._said = (self._said + (said or b""))[-KEPT:]

    def _status(self) -> str:
        status = self._process.returncode
        if not status:
            return ""
        return f" with status {status}" if status > 0 else f" by {signal.Signals(-status).name}"

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _wait(self, within_s: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(within_s)


def _read(pipe: IO[bytes], size: int) -> bytes | None:
    """None when there is nothing yet, nothing at the end."""
    try:
        return os.read(pipe.fileno(), size)
    except BlockingIOError:
        return None


@contextmanager
def running(command: Sequence[str], descriptor: int = 1) -> Generator[Child]:
    """
    *command*, which writes to *descriptor*; raise `CameraError` when there is no such program.

    At the end nothing is left of it, whatever it does.
    """
    if not shutil.which(command[0]):
        raise CameraError(f"there is no program {mask(command[0])[:LONGEST]} here")
    tether = [sys.executable, "-I", "-S", "-c", TETHER, str(os.getpid()), str(descriptor)]
    process = subprocess.Popen(
        [*tether, *command],
        bufsize=0,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    child = Child(process)
    try:
        yield child
    finally:
        child.close()

"""Child processes that never outlive us: own process group, killed whole, orphan-proof."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def die_with_parent(parent: int, number: int) -> Callable[[], None] | None:
    """What a child runs before exec so that the kernel signals it when *parent* dies."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here: between fork and exec there is no time

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask


async def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    orphan_signal: int = signal.SIGKILL,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> asyncio.subprocess.Process:
    """
    Start *command* as the leader of its own process group.

    When this process dies, however it dies, the child gets *orphan_signal* (Linux).
    Call it from the main thread: the kernel watches the thread that started the child.
    """
    return await asyncio.create_subprocess_exec(
        *command,
        env=dict(env) if env is not None else None,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=die_with_parent(os.getpid(), orphan_signal),
    )


async def stop(child: asyncio.subprocess.Process, within_s: float) -> int:
    """Ask *child* to stop, kill its whole group if it has not within *within_s*; its status."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await child.wait()
    kill_group(child)
    return await child.wait()


def adopt_orphans() -> None:
    """From now on, what descends from us and loses its parent becomes our own child (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def kill_group(child: asyncio.subprocess.Process) -> None:
    """Kill whatever is left of *child*'s process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)

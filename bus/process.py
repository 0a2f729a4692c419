"""How each of our processes starts, runs until told to stop, and stops."""

import asyncio
import gc
import logging
import os
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

import msgspec

from bus import log as logs
from bus.errors import BadSettings
from bus.settings import BusSettings, read

log = logging.getLogger(__name__)

S = TypeVar("S", bound=BusSettings)
Main = Callable[[S, asyncio.Event], Coroutine[None, None, None]]

DRAIN_S = 8.0


def run(name: str, kind: type[S], main: Main[S], drain_s: float = DRAIN_S) -> int:
    """
    Run *main* with its settings until it returns; the exit status of the process.

    The first SIGINT or SIGTERM sets the event given to *main*, which then
    finishes what it holds, closes what it opened, and returns. A second signal,
    or *drain_s* after the first, cancels it. Bad settings: one line, status 2.
    """
    try:
        settings = _prepare(name, read(kind))
        _spare_collector()
        return asyncio.run(_run(settings, main, drain_s))
    except BadSettings as error:
        sys.stderr.write(f"lookout {name}: {error}\n")
        return 2


def _prepare(name: str, settings: S) -> S:
    """Give the process its id, its logs and its run directory."""
    process = settings.process or f"{name}-{os.getpid()}-{secrets.token_hex(3)}"
    try:
        logs.configure(settings.log_level, settings.log_format, process)
        Path(settings.run_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    except ValueError as error:
        raise BadSettings(f"LOOKOUT_LOG_LEVEL: {error}") from error
    except OSError as error:
        raise BadSettings(f"LOOKOUT_RUN_DIR: {error}") from error
    return msgspec.structs.replace(settings, process=process)


def _spare_collector() -> None:
    """
    Keep Python's garbage collector away from what lives as long as the process.

    Otherwise it walks through all imported code about every thousand requests, and
    everybody waits for it: 30 to 60 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


async def _run(settings: S, main: Main[S], drain_s: float) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    task = asyncio.create_task(main(settings, stop))

    def on_signal() -> None:
        if stop.is_set():
            task.cancel()
        else:
            stop.set()
            loop.call_later(drain_s, task.cancel)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    log.info("process started")
    await asyncio.wait([task])
    if task.cancelled():
        log.warning("process stopped before its work was done")
        return 1
    await task
    log.info("process stopped")
    return 0

"""Work that blocks, in a thread of its own."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
V = TypeVar("V")


async def in_thread(work: Callable[[], T], limit_s: float) -> T:
    """
    What *work* returns or raises; `TimeoutError` after *limit_s*, then it is left alone.

    Not from a pool: a pool's threads would be waited for at exit.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[V], None], value: V) -> None:
        if not done.done():
            set_it(value)

    def run() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            try:
                result = work()
            except Exception as error:
                loop.call_soon_threadsafe(settle, done.set_exception, error)
            else:
                loop.call_soon_threadsafe(settle, done.set_result, result)

    Thread(target=run, name="blocking", daemon=True).start()
    async with asyncio.timeout(limit_s):
        return await done

"""Work that runs beside a block and ends with it."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def background(*work: Coroutine[Any, Any, object]) -> AsyncGenerator[None]:
    """Run *work* until the block is left; an error in it ends the block and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part) for part in work]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup as errors:
        if len(errors.exceptions) == 1:  # as if the work had been done in the block
            raise errors.exceptions[0] from None
        raise


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What *work* returns; None, and *work* cancelled, if *stop* is set before."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        working.cancel()
        stopping.cancel()


@asynccontextmanager
async def ended_by(reason: Coroutine[Any, Any, object]) -> AsyncGenerator[None]:
    """
    Leave the block, without an error, as soon as *reason* is over.

    Unlike with `unless` the block stays in its task, so it may open things that outlive it.
    """
    limit = asyncio.timeout(None)
    loop = asyncio.get_running_loop()
    watching = loop.create_task(reason)

    def leave(task: asyncio.Task[object]) -> None:
        if not task.cancelled():
            limit.reschedule(loop.time())

    watching.add_done_callback(leave)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
    finally:
        watching.cancel()


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of *work* done side by side; the first error ends the others and is raised."""
    if not (parts := list(work)):
        return []
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part) for part in parts]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]

"""
Programs we start and depend on: started, watched, killed whole, started again.

For every engine that is a process of its own. What is said to the program, and how
one sees that it is ready or hangs, is the engine's business.
"""

import asyncio
import logging
import random
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Generic, Protocol, TypeVar

from bus.child import kill_group, spawn, stop
from bus.errors import BadSettings, LookoutError
from inference.engine import EngineLost

log = logging.getLogger(__name__)

T = TypeVar("T")
LAST_WORDS = 2000  # bytes of stderr that are kept for an error message
BAD_SETTINGS = 2  # the exit status of a program that can never work like this
STEADY_S = 30.0  # a life that long makes up for earlier failures
READ_BYTES = 1 << 16


class Note:
    """What there is to tell of a process's programs."""

    text = ""  # what one does before it is ready, in words
    lost = 0  # how often one was, after it had been ready


# Where that is written down: a process that shows it to others sets one of its own.
NOTE = ContextVar("note", default=Note())  # noqa: B039 - who sets none is not interested


class Ear(Protocol):
    """Hears what a program writes to stderr."""

    def hear(self, data: bytes) -> None: ...

    def last_words(self) -> list[str]:
        """The lines it wrote last."""
        ...


class PassedOn:
    """What a program writes to stderr goes to ours; the end of it is kept."""

    def __init__(self) -> None:
        self._written = b""

    def hear(self, data: bytes) -> None:
        self._written = (self._written + data)[-LAST_WORDS:]
        sys.stderr.write(data.decode(errors="replace"))

    def last_words(self) -> list[str]:
        lines = self._written.decode(errors="replace").split("\n")
        return [line.strip() for line in lines if line.strip()]


class Program:
    """A running child. With *stop_s* it is asked to end before it is killed."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, ear: Ear, stop_s: float = 0.0
    ) -> None:
        self._name = name
        self._process = process
        self._ear = ear
        self._stop_s = stop_s
        self._relay = asyncio.create_task(self._listen())

    @property
    def pid(self) -> int:
        return self._process.pid

    async def while_alive(self, waiting: Awaitable[T]) -> T:
        """
        What *waiting* returns; raises when the program dies first.

        That is `BadSettings` if it exited with status 2, `EngineLost` otherwise.
        """
        task = asyncio.ensure_future(waiting)
        death = asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait((task, death), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return await task
            raise await self._obituary(death.result())
        finally:
            task.cancel()
            death.cancel()
            await asyncio.gather(task, death, return_exceptions=True)

    async def kill(self) -> None:
        if self._stop_s:
            await stop(self._process, self._stop_s)
        else:
            kill_group(self._process)
            await self._process.wait()
        await asyncio.wait((self._relay,), timeout=1)
        self._relay.cancel()

    async def _obituary(self, status: int) -> LookoutError:
        await self.kill()
        words = self._ear.last_words() or ["without a word"]
        if status == BAD_SETTINGS:
            return BadSettings(words[-1])
        end = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return EngineLost(f"{self._name} died ({end}): {' / '.join(words[-3:])}")

    async def _listen(self) -> None:
        while self._process.stderr and (data := await self._process.stderr.read(READ_BYTES)):
            self._ear.hear(data)


@asynccontextmanager
async def running(
    name: str,
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    ear: Ear | None = None,
    stop_s: float = 0.0,
) -> AsyncGenerator[Program]:
    """
    *command* as a child process; it and all that it started are gone afterwards.

    With *stop_s* it has that long to end by itself when it is asked to, or when we die.
    """
    orphan_signal = signal.SIGTERM if stop_s else signal.SIGKILL
    process = await spawn(
        command, env=env, stderr=asyncio.subprocess.PIPE, orphan_signal=orphan_signal
    )
    program = Program(name, process, ear or PassedOn(), stop_s)
    try:
        yield program
    finally:
        await program.kill()


class Life(Protocol):
    """One life of a program, from ready until lost."""

    async def last(self) -> None:
        """Return, or raise what happened, when it is over."""
        ...


L = TypeVar("L", bound=Life)
Start = Callable[[], AbstractAsyncContextManager[L]]


class Kept(Generic[L]):
    """A program that is started again whenever it is lost."""

    latest: L  # its present life, or else the one before; there is one once it was present

    def __init__(self, name: str, start: Start[L]) -> None:
        self._name = name
        self._start = start
        self._ever_ready = False
        self._present: asyncio.Future[L] = asyncio.get_running_loop().create_future()

    async def present(self) -> L:
        """Its present life; waits while there is none. Raises what the first start raised."""
        return await asyncio.shield(self._present)

    async def keep(self) -> None:
        delays = backoff()
        while True:
            began = monotonic()
            error = await self._live()
            if not self._ever_ready:
                self._present.set_exception(error)
                return
            log.warning("program lost name=%s error=%s", self._name, error)
            if monotonic() - began > STEADY_S:
                delays = backoff()
            await asyncio.sleep(next(delays))

    async def _live(self) -> LookoutError:
        """One life, from start to what ended it."""
        began = monotonic()
        try:
            async with self._start() as life:
                log.info("program ready name=%s start_s=%.1f", self._name, monotonic() - began)
                self._ever_ready = True
                self.latest = life
                self._present.set_result(life)
                try:
                    await life.last()
                finally:  # from now on a caller waits for the next life
                    NOTE.get().lost += 1
                    self._present = asyncio.get_running_loop().create_future()
        except LookoutError as error:
            return error
        except Exception as error:  # whoever waits for the next life must not wait for ever
            log.exception("program watch crashed name=%s", self._name)
            return EngineLost(f"{self._name}: {error}")
        return EngineLost(f"{self._name} ended")


@asynccontextmanager
async def kept(name: str, start: Start[L]) -> AsyncGenerator[Kept[L]]:
    """Keep a program going; raise `LookoutError` when it does not even start once."""
    program = Kept(name, start)
    keeping = asyncio.create_task(program.keep())
    try:
        await program.present()
        yield program
    finally:
        keeping.cancel()
        await asyncio.wait((keeping,))


def backoff(first_s: float = 0.2, most_s: float = 10.0) -> Iterator[float]:
    """Seconds to wait before each new try: growing, and not the same for everybody."""
    delay_s = first_s
    while True:
        yield random.uniform(delay_s / 2, delay_s)
        delay_s = min(2 * delay_s, most_s)

"""
What one target has not got yet: its consumer group on the log of events.

Redis keeps it, so it survives any death of ours. There is one consumer: a process that takes
over finds what the one before has left, and both deliver only while the old one is ending.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bus import names
from bus.alerts import Event, decode_event
from bus.redis import AWAY, BLOCK_S

log = logging.getLogger(__name__)

T = TypeVar("T")

CONSUMER = "alerts"
PAGE = 500
LOOK_BACK_S = 10.0  # then see what another process may have left
AGAIN_S = 0.5


@dataclass(frozen=True)
class Entry:
    """An event in the log."""

    id: str  # begins with the time, in milliseconds
    event: Event
    body: bytes
    targets: frozenset[str]

    @property
    def at(self) -> float:
        """Unix seconds."""
        return int(self.id.partition("-")[0]) / 1000


class Inbox:
    """Of one target. Every call waits while Redis is away."""

    def __init__(self, redis: Redis, target: str) -> None:
        self._redis, self._group = redis, names.deliveries(target)
        self._counters = names.target(target)
        self._last = ""  # id of the newest entry that was read
        self._look_back_at = 0.0

    async def open(self) -> None:
        """A new target gets what comes from now on; one that lost its group goes on there."""
        self._last = self._last or await self._newest()
        group = names.ALERTS_LOG, self._group, self._last
        try:
            await self._send("XGROUP CREATE", *group, "MKSTREAM")
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def read(self, known: Container[str]) -> list[Entry]:
        """Wait for entries that are not *known*; none after a while."""
        try:
            if monotonic() >= self._look_back_at:
                left = await self._left(known)
                self._look_back_at = monotonic() + LOOK_BACK_S
                if left:
                    return left
            return await self._new()
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            await self.open()
            return []

    async def get(self, entry: str) -> Entry | None:
        """None for what is not in the log any more, or nobody can read."""
        found = await self._send("XRANGE", names.ALERTS_LOG, entry, entry)
        return _parse(*found[0]) if found else None

    async def settle(
        self, entries: list[str], counter: str = "", about: Mapping[str, str] | None = None
    ) -> None:
        """The target is done with *entries*; count it, and say *about* it what is new."""

        async def settle() -> None:
            async with self._redis.pipeline(transaction=True) as pipe:
                if entries:
                    pipe.xack(names.ALERTS_LOG, self._group, *entries)
                if counter:
                    pipe.hincrby(self._counters, counter, 1)
                if about:
                    pipe.hset(self._counters, mapping=dict[Any, Any](about))
                await pipe.execute()

        await patiently(settle)

    async def _newest(self) -> str:
        found = await self._send("XREVRANGE", names.ALERTS_LOG, "+", "-", "COUNT", 1)
        return found[0][0].decode() if found else "0-0"

    async def _new(self) -> list[Entry]:
        answer = await self._send(
            *("XREADGROUP", "GROUP", self._group, CONSUMER, "COUNT", PAGE),
            *("BLOCK", round(BLOCK_S * 1000), "STREAMS", names.ALERTS_LOG, ">"),
        )
        found = answer[0][1] if answer else []
        if found:
            self._last = found[-1][0].decode()
        parsed = {entry.decode(): _parse(entry, fields) for entry, fields in found}
        return await self._readable(parsed)

    async def _left(self, known: Container[str]) -> list[Entry]:
        """What was read before, by us or by another process, and is not settled."""
        left, start = dict[str, Entry | None](), "-"
        while page := await self._pending(start):
            ids = [one["message_id"].decode() for one in page]
            left |= {entry: await self.get(entry) for entry in ids if entry not in known}
            start = f"({ids[-1]}"
        return await self._readable(left)

    async def _pending(self, start: str) -> Any:
        stream, group = names.ALERTS_LOG, self._group
        return await patiently(lambda: self._redis.xpending_range(stream, group, start, "+", PAGE))

    async def _readable(self, found: Mapping[str, Entry | None]) -> list[Entry]:
        """Without those that are gone or from another age: they are settled."""
        if lost := [entry for entry, parsed in found.items() if parsed is None]:
            log.warning("events lost, not in the log group=%s count=%d", self._group, len(lost))
            await self.settle(lost)
        return [parsed for parsed in found.values() if parsed]

    async def _send(self, *command: str | int) -> Any:
        redis: Any = self._redis
        return await patiently(lambda: redis.execute_command(*command))


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Repeat *work* while Redis is away."""
    while True:
        try:
            return await work()
        except AWAY as error:
            log.warning("redis lost, trying again reason=%s", error)
            await asyncio.sleep(AGAIN_S)


def _parse(entry: bytes, fields: Mapping[bytes, bytes]) -> Entry | None:
    try:
        body = fields[b"event"]
        targets = fields.get(b"targets", b"").decode().split()
        return Entry(entry.decode(), decode_event(body), body, frozenset(targets))
    except (KeyError, UnicodeDecodeError, msgspec.DecodeError):
        return None

"""
Alert events as they come: one reader of their log per process, handed to whoever listens.

The log tells every event its place. So a client may begin anywhere in it and is then told
each event once and in order, and a Redis that was away loses none.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

import msgspec
from redis.asyncio import Redis

from bus import names
from bus.errors import BadJob, Overloaded, Unavailable
from bus.redis import AWAY, BLOCK_S, Line, entries, translated

log = logging.getLogger(__name__)

QUEUE = 256  # events that may wait for a client; who is further behind is too slow
READ = 64  # at once, so that a burst lets the clients keep up
START_S = 4.0  # how long a client waits for a Redis that is away
BEAT_S = 15.0
END_S = 0.5  # what a client may still take to read that it is over
PLACE = re.compile(r"[0-9]{1,15}(-[0-9]{1,15})?")


class _Kind(msgspec.Struct):
    type: Annotated[str, msgspec.Meta(pattern=r"\A[a-z_]{1,40}\Z")]


_kind = msgspec.json.Decoder(_Kind)


@dataclass(frozen=True)
class Entry:
    """An event, its type, and its place in the log."""

    id: str
    type: str
    event: bytes  # JSON on one line

    @property
    def place(self) -> tuple[int, int]:
        return _place(self.id)


def _place(log_id: str) -> tuple[int, int]:
    milliseconds, _, number = log_id.partition("-")
    return int(milliseconds), int(number or 0)


class Mark(Enum):
    """What else is in a client's queue."""

    BEAT = "nothing has happened"
    END = "nothing more comes"  # only wakes who waits


def check_since(text: str | None, param: str = "since") -> str | None:
    """A place in the log, `0` for all of it; raise `BadJob` for what is none."""
    if text and not PLACE.fullmatch(text):
        raise BadJob(f"{param}: write the log id of an event, or 0 for all", param=param)
    return text or None


class Listener:
    """One client. Use `Feed.joined`."""

    def __init__(self, feed: "Feed") -> None:
        self._feed = feed
        self._queue: asyncio.Queue[Entry | Mark] = asyncio.Queue(QUEUE)
        self._live = False
        self._over = asyncio.Event()
        self.too_slow = False

    async def events(self, since: str | None) -> AsyncGenerator[Entry | Mark]:
        """
        What the log has after *since*, then what comes, until it ends; None is from now on.

        *since* is from `Feed.start`. Now and then a `BEAT`. Raise `Unavailable`.
        """
        sent = 0, 0
        if since is not None:
            async for entry in self._kept(since):
                yield entry
                sent = entry.place
        self._live = True  # nothing has come since the last look at the log
        while not self._over.is_set():
            event = await self._queue.get()
            if event is Mark.BEAT or (isinstance(event, Entry) and event.place > sent):
                yield event

    async def _kept(self, after: str) -> AsyncGenerator[Entry]:
        """Return once the feed has not moved since what was read last."""
        while not self._over.is_set():
            position = self._feed.position
            page = await self._feed.page(after)
            for place, entry in page:
                after = place
                if entry:
                    yield entry
            if len(page) < READ and position == self._feed.position:
                return

    def tell(self, event: Entry | Mark) -> None:
        if not self._live or self._over.is_set():
            return
        if not self._queue.full():
            self._queue.put_nowait(event)
        elif isinstance(event, Entry):
            self.too_slow = True
            self.end()

    def end(self) -> None:
        self._over.set()
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(Mark.END)

    async def overdue(self) -> None:
        """Return when it is over and the client has had its time to read so."""
        await self._over.wait()
        await asyncio.sleep(END_S)


class Feed:
    """`run` and `beat` must run beside. At most *most* listen at once."""

    def __init__(self, redis: Redis, most: int, observe: Callable[[bytes], None]) -> None:
        self._redis, self._most, self._observe = redis, most, observe
        self._listeners = set[Listener]()
        self._started = asyncio.Event()
        self._ended = False
        self.position = "0-0"  # of the last event that was handed out

    @contextmanager
    def joined(self) -> Iterator[Listener]:
        """Raise `Overloaded`, `Unavailable`."""
        if len(self._listeners) >= self._most:
            why = f"{self._most} clients listen already: see LOOKOUT_MAX_ALERT_CLIENTS"
            raise Overloaded(why, retry_after_s=5)
        if self._ended:
            raise Unavailable("this process stops: try again shortly")
        listener = Listener(self)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def start(self, since: str | None) -> str | None:
        """
        Where to begin: *since*, unless that has yet to come; then it means now.

        Raise `Unavailable`.
        """
        try:
            async with asyncio.timeout(START_S):
                await self._started.wait()
        except TimeoutError as error:
            raise Unavailable("Redis does not answer: try again shortly") from error
        if since is None or _place(since) <= _place(self.position):
            return since
        async with translated():
            newest: Any = await self._redis.xrevrange(names.ALERTS_LOG, count=1)
        return min(since, newest[0][0].decode() if newest else "0", key=_place)

    async def page(self, after: str) -> list[tuple[str, Entry | None]]:
        """Some of the log after a place; None for an entry that is no event."""
        async with translated():
            found: Any = await self._redis.xrange(names.ALERTS_LOG, f"({after}", count=READ)
        return [(place.decode(), _entry(place, fields)) for place, fields in found]

    async def run(self, impatient: Redis) -> None:
        """Read the log, for ever. *impatient* must not retry by itself."""
        line, lost = Line(impatient), False
        while True:
            try:
                await self._read(line)
                lost = False
            except AWAY:
                if not lost:
                    log.warning("redis lost, listeners=%d", len(self._listeners))
                lost = True
                await asyncio.sleep(0.1)

    async def _read(self, line: Line) -> None:
        if not self._started.is_set():
            newest = await line.send("XREVRANGE", names.ALERTS_LOG, "+", "-", "COUNT", 1)
            self.position = newest[0][0].decode() if newest else "0-0"
            self._started.set()
        how = "COUNT", READ, "BLOCK", round(BLOCK_S * 1000)
        found = await line.send("XREAD", *how, "STREAMS", names.ALERTS_LOG, self.position)
        for _, events in entries(found):
            for place, fields in events:
                self.position = place.decode()
                if entry := _entry(place, fields):
                    self._hand_out(entry)

    def _hand_out(self, entry: Entry) -> None:
        self._observe(entry.event)
        for listener in list(self._listeners):
            listener.tell(entry)
            if listener.too_slow:
                log.info("listener dropped, too slow")
                self._listeners.discard(listener)

    async def beat(self, every_s: float = BEAT_S) -> None:
        """Show clients, and what is between, that the connection lives; for ever."""
        while True:
            await asyncio.sleep(every_s)
            for listener in list(self._listeners):
                listener.tell(Mark.BEAT)

    async def end(self, stop: asyncio.Event) -> None:
        """Tell everyone, once *stop* is set, that nothing more comes."""
        await stop.wait()
        self._ended = True
        for listener in list(self._listeners):
            listener.end()


def _entry(place: bytes, fields: dict[bytes, bytes]) -> Entry | None:
    event = b" ".join(fields.get(b"event", b"").splitlines())
    try:
        return Entry(place.decode(), _kind.decode(event).type, event)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None

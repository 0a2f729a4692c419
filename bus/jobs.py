"""
Asking for work: put a job into its lane, get its events back.

One replies stream per process and one blocking reader on it, whatever the number of
requests that wait. Redis may restart or lose its last second: what had been accepted
and is no longer there is put in again.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import time

import msgspec
from redis.asyncio import Redis

from bus import names
from bus.errors import DeadlineExceeded, Overloaded, Unavailable
from bus.messages import (
    Delta,
    Failed,
    Finished,
    Job,
    JobEvent,
    Judged,
    LastEvent,
    Reply,
    decode_reply,
    encode,
)
from bus.redis import AWAY, BLOCK_S, Batch, Line, entries, open_redis, translated
from bus.tasks import background

log = logging.getLogger(__name__)

KEEP_S = 60.0  # a replies stream outlives its last sign of life by this
START_S, END_S = 2.0, 0.5  # how long to wait for a Redis that is away
LATE_S = 0.5  # the worker knows the deadline too; its own word comes a little after

# Both in one step, so that several api processes together keep to the limit.
_ADD_UNLESS_FULL = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return false end
return redis.call('XADD', KEYS[1], '*', 'job', ARGV[2])
"""


@dataclass(frozen=True)
class Retried:
    """The worker died; another one begins the answer anew. Forget the deltas so far."""


@dataclass(eq=False)
class _Waiting:
    """A job that somebody waits for, and what has been heard of it."""

    job: Job
    lane: names.Lane
    entry: asyncio.Future[bytes | None] | None = None
    attempt: int = 0
    heard: int = 0  # events of this attempt
    events: asyncio.Queue[JobEvent | Retried] = field(default_factory=asyncio.Queue)

    def hear(self, reply: Reply) -> None:
        if reply.attempt < self.attempt:  # from a worker that was given up
            return
        if reply.attempt > self.attempt:
            if self.heard:
                self.events.put_nowait(Retried())
            self.attempt, self.heard = reply.attempt, 0
        for event in reply.events[max(0, self.heard - reply.first) :]:
            self.heard += 1
            self.events.put_nowait(event)


class JobClient:
    """Use `open_jobs`."""

    def __init__(self, redis: Redis, process: str, max_depth: int) -> None:
        self._redis, self._batch = redis, Batch(redis)
        self._replies = names.replies(process)
        self._max_depth = max_depth
        self._waiting: dict[str, _Waiting] = {}
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._last: bytes = b"0-0"
        self._losses = self._recovered = 0  # of Redis: is what we put in still there?

    async def ask(
        self, job: Job, lane: names.Lane
    ) -> AsyncGenerator[Delta | Retried | Finished | Judged]:
        """
        Enqueue *job*, yield its events; the last one is `Finished` or `Judged`.

        Raise `Overloaded`, `Unavailable`, `DeadlineExceeded`, or what the worker reports.
        Closing the generator early takes the job back, or aborts it.
        """
        waiting = self._waiting[job.id] = _Waiting(job, lane)
        loop = asyncio.get_running_loop()
        late = Failed.of(DeadlineExceeded("no answer before the deadline of the request"))
        timer = loop.call_later(
            max(0.0, job.deadline - time()) + LATE_S, waiting.events.put_nowait, late
        )
        answered = False
        try:
            waiting.entry = self._add(waiting)
            await self._taken_in(waiting.entry, job.deadline)
            while not answered:
                event = await waiting.events.get()
                answered = isinstance(event, LastEvent) and event is not late
                if isinstance(event, Failed):
                    raise event.error()
                yield event
        finally:
            timer.cancel()
            del self._waiting[job.id]
            if not answered:
                self._say_goodbye(waiting)

    async def _taken_in(self, entry: "asyncio.Future[bytes | None]", deadline: float) -> None:
        """Return when Redis has the job: it may refuse it, be away, or hang."""
        try:
            async with translated(), asyncio.timeout(max(0.0, deadline - time())):
                if await asyncio.shield(entry) is None:
                    raise Overloaded(f"{self._max_depth} requests wait for this model already")
        except TimeoutError as error:
            raise DeadlineExceeded("Redis did not take the request before its deadline") from error

    def _add(self, waiting: _Waiting) -> "asyncio.Future[bytes | None]":
        """The id of its entry; None when the lane is full."""
        lane = names.jobs(waiting.job.model, waiting.lane)
        return self._batch.send(
            "EVAL", _ADD_UNLESS_FULL, 1, lane, self._max_depth, encode(waiting.job)
        )

    def _say_goodbye(self, waiting: _Waiting) -> None:
        task = asyncio.create_task(self._take_back(waiting))
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)

    async def _take_back(self, waiting: _Waiting) -> None:
        """Nobody waits any more: unclaimed, the job vanishes; claimed, it is aborted."""
        try:
            entry = await waiting.entry if waiting.entry else None
            if entry:
                await self._batch.send("XDEL", names.jobs(waiting.job.model, waiting.lane), entry)
                await self._batch.send("PUBLISH", names.CANCEL, waiting.job.id)
        except Exception as error:
            log.info("job not taken back id=%s reason=%s", waiting.job.id, error)

    async def close(self) -> None:
        """Finish taking back; whoever still replies to us finds that we are gone."""
        with suppress(TimeoutError, *AWAY):  # else the stream expires
            async with asyncio.timeout(END_S):
                await asyncio.gather(*self._goodbyes)
                await self._redis.unlink(self._replies)

    async def read_replies(self, impatient: Redis) -> None:
        """Hand replies to whoever waits, for ever. *impatient* must not retry by itself."""
        line = Line(impatient)
        while True:
            try:
                if self._recovered != (losses := self._losses):
                    await self._recover(line)
                    self._recovered = losses
                await self._read(line, round(BLOCK_S * 1000))
            except AWAY:
                if self._recovered == self._losses:
                    log.warning("redis lost, waiting=%d", len(self._waiting))
                    self._losses += 1
                await asyncio.sleep(0.1)

    async def _read(self, line: Line, block_ms: int | None) -> bool:
        """Whether there was something to read."""
        block = () if block_ms is None else ("BLOCK", block_ms)
        found = entries(
            await line.send("XREAD", "COUNT", 256, *block, "STREAMS", self._replies, self._last)
        )
        for _, replies in found:
            self._hand_out(replies)
        return bool(found)

    def _hand_out(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        for entry, fields in entries:
            self._last = entry
            try:
                reply = decode_reply(fields.get(b"reply", b""))
            except msgspec.DecodeError:  # the entry that made the stream, or a newer version's
                continue
            if waiting := self._waiting.get(reply.job_id):
                waiting.hear(reply)

    async def _recover(self, line: Line) -> None:
        """Redis was away: put in again what it has lost."""
        # An answered job leaves its lane together with the answer. So what is in no lane,
        # and still waits when every reply has been read, was lost.
        missing = [waiting for waiting in list(self._waiting.values()) if await self._gone(waiting)]
        while await self._read(line, None):
            pass
        for waiting in missing:
            if waiting.job.id not in self._waiting:
                continue
            log.warning("job lost by redis id=%s heard=%d", waiting.job.id, waiting.heard)
            if waiting.heard:  # half an answer has been read: it cannot begin again
                lost = Unavailable("Redis has lost the rest of the answer")
                waiting.events.put_nowait(Failed.of(lost))
            else:
                waiting.entry = self._add(waiting)

    async def _gone(self, waiting: _Waiting) -> bool:
        entry = waiting.entry
        if entry is None or not entry.done() or entry.cancelled() or entry.exception():
            return False
        lane, place = names.jobs(waiting.job.model, waiting.lane), entry.result()
        return place is not None and not await self._redis.xrange(lane, place, place)

    async def make_stream(self) -> None:
        """Workers reply to a stream that exists: one that does not is a process that is gone."""
        await self._redis.xadd(self._replies, {b"made": b""})

    async def keep_alive(self) -> None:
        """Keep our replies stream while we live, and cut off what has been read."""
        while True:
            with suppress(*AWAY):  # who reads notices it too
                async with self._redis.pipeline(transaction=False) as pipe:
                    pipe.pexpire(self._replies, round(KEEP_S * 1000))
                    pipe.xtrim(self._replies, minid=_after(self._last), approximate=False)
                    kept, _ = await pipe.execute()
                if not kept:
                    self._losses += 1  # first: the new stream wakes the reader
                    await self.make_stream()
                    continue
            await asyncio.sleep(1.0)


def _after(entry: bytes) -> bytes:
    """The stream id that follows *entry*."""
    milliseconds, _, number = entry.partition(b"-")
    return b"%s-%d" % (milliseconds, int(number) + 1)


@asynccontextmanager
async def open_jobs(
    redis: Redis, url: str, process: str, max_depth: int
) -> AsyncGenerator[JobClient]:
    """A job client whose reader runs until the block is left."""
    client = JobClient(redis, process, max_depth)
    with suppress(TimeoutError, *AWAY):  # `keep_alive` makes it when Redis has come
        async with asyncio.timeout(START_S):
            await client.make_stream()
    async with (
        open_redis(url, patience_s=0) as impatient,
        background(client.keep_alive(), client.read_replies(impatient)),
    ):
        yield client
        await client.close()

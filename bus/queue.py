"""
Claiming work: the worker's end of the lanes.

A job belongs to a worker from claim to ack. The worker's heartbeat vouches for it: when
that has expired, any other worker takes the job over. Redis counts the deliveries.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bus import names
from bus.messages import Job, JobEvent, Reply, decode_job, encode
from bus.redis import AWAY, Batch, Line, entries, listen, translated
from bus.tasks import unless

log = logging.getLogger(__name__)

BLOCK_MS = 2000  # then look for jobs of dead workers
EVIDENCE_S = 120  # long enough for whoever gets the answer to take the picture elsewhere
SETTLE_MS = 1000  # two workers that find the same orphan: the second leaves it to the first

# In one step: there is never an answered job in the lane, nor one gone without its answer.
_FINISH = """
local heard = redis.call('XADD', KEYS[2], 'NOMKSTREAM', '*', 'reply', ARGV[3])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
return heard
"""

Entry = tuple[bytes, dict[bytes, bytes] | None]


@dataclass(frozen=True)
class Claimed:
    """A job this worker holds, and how often it has been claimed by anybody."""

    job: Job
    lane: str  # key of its stream
    entry: bytes
    delivery: int = 1


class JobQueue:
    """The jobs of *lanes* for a worker; where there are several, the first one goes first."""

    def __init__(
        self, redis: Redis, model: str, worker: str, lanes: Sequence[names.Lane] = names.LANES
    ) -> None:
        self._redis, self._batch, self._line = redis, Batch(redis), Line(redis)
        self._lanes = [names.jobs(model, lane) for lane in lanes]
        self._worker = worker
        self._surplus: deque[Claimed] = deque()
        self._look_for_orphans_at = 0.0

    async def claim(self, room: int, stop: asyncio.Event) -> list[Claimed]:
        """Up to *room* jobs, those of the first lane first; empty once *stop* is set."""
        while not stop.is_set():
            try:
                if claimed := await self._claim_left(room) or await self._claim_next(room, stop):
                    return claimed
            except AWAY as error:
                log.warning("redis lost, claiming again reason=%s", error)
                await asyncio.sleep(0.2)
            except ResponseError as error:
                if not str(error).startswith(("NOGROUP", "no such key")):
                    raise
                await self._make_groups()
        return []

    async def _claim_left(self, room: int) -> list[Claimed]:
        """What dead workers have left, and what there was no room for the last time."""
        if monotonic() >= self._look_for_orphans_at:
            self._look_for_orphans_at = monotonic() + BLOCK_MS / 1000
            if orphans := await self._claim_orphans(room):
                self._look_for_orphans_at = 0.0  # there may be more
                return orphans
        if not self._surplus:
            return []
        claimed = await self._read(self._lanes[:1], room, None)  # chats that have come since
        while self._surplus and len(claimed) < room:
            claimed.append(self._surplus.popleft())
        return claimed

    async def _claim_next(self, room: int, stop: asyncio.Event) -> list[Claimed]:
        """Wait for jobs of any lane; one command, so that an idle worker is quick."""
        # A job that comes as we stop is taken over by another worker once we are gone.
        claimed = await unless(stop, self._read(self._lanes, room, BLOCK_MS)) or []
        self._surplus.extend(claimed[room:])  # COUNT holds for each lane by itself
        return claimed[:room]

    async def _read(self, lanes: list[str], count: int, block: int | None) -> list[Claimed]:
        waiting = () if block is None else ("BLOCK", block)
        ids = [">"] * len(lanes)
        found = await self._line.send(
            *("XREADGROUP", "GROUP", names.WORKERS, self._worker, "COUNT", count),
            *(*waiting, "STREAMS", *lanes, *ids),
        )
        claimed: list[Claimed] = []
        for lane, jobs in entries(found):
            claimed += await self._accept(lane, jobs, {})
        return claimed

    async def _accept(
        self, lane: str, jobs: Sequence[Entry], deliveries: dict[bytes, int]
    ) -> list[Claimed]:
        claimed = []
        for entry, fields in jobs:
            try:
                job = decode_job((fields or {})[b"job"])
            except (KeyError, msgspec.DecodeError) as error:  # taken back, or not ours to read
                log.warning("job dropped lane=%s entry=%r reason=%s", lane, entry, error)
                await self.drop(lane, entry)
                continue
            claimed.append(Claimed(job, lane, entry, deliveries.get(entry, 1)))
        return claimed

    async def _claim_orphans(self, room: int) -> list[Claimed]:
        for lane in self._lanes:
            for consumer in await self._redis.xinfo_consumers(lane, names.WORKERS):
                name = consumer["name"].decode()
                if name == self._worker or await self._redis.exists(names.process(name)):
                    continue
                if orphans := await self._take_over(lane, name, room):
                    return orphans
                if not consumer["pending"]:
                    await self._redis.xgroup_delconsumer(lane, names.WORKERS, name)
        return []

    async def _take_over(self, lane: str, dead: str, room: int) -> list[Claimed]:
        held: list[Any] = await self._redis.xpending_range(
            lane, names.WORKERS, "-", "+", room, consumername=dead
        )
        if not held:
            return []
        deliveries = {item["message_id"]: item["times_delivered"] + 1 for item in held}
        jobs: Any = await self._redis.xclaim(
            lane, names.WORKERS, self._worker, SETTLE_MS, list(deliveries)
        )
        if jobs:
            log.info("jobs taken over from=%s count=%d", dead, len(jobs))
        return await self._accept(lane, jobs, deliveries)

    async def _make_groups(self) -> None:
        for lane in self._lanes:
            with suppress(ResponseError):  # it is there already
                await self._redis.xgroup_create(lane, names.WORKERS, id="0", mkstream=True)

    async def reply(
        self, claimed: Claimed, attempt: int, first: int, events: tuple[JobEvent, ...]
    ) -> bool:
        """Send *events*; False when the process that asked is gone."""
        reply = encode(Reply(claimed.job.id, attempt, first, events))
        replies = names.replies(claimed.job.process)
        async with translated():
            heard = await self._batch.send("XADD", replies, "NOMKSTREAM", "*", "reply", reply)
        return heard is not None

    async def keep_evidence(self, claimed: Claimed, jpeg: bytes) -> None:
        """Put the picture that an answer is about where whoever reads the answer finds it."""
        async with translated():
            await self._redis.set(names.evidence(claimed.job.id), jpeg, ex=EVIDENCE_S)

    async def finish(
        self, claimed: Claimed, attempt: int, first: int, events: tuple[JobEvent, ...]
    ) -> None:
        """Send the last *events*, acknowledge and delete the job, however long Redis is away."""
        reply = encode(Reply(claimed.job.id, attempt, first, events))
        keys = claimed.lane, names.replies(claimed.job.process)
        while True:
            try:
                await self._batch.send(
                    "EVAL", _FINISH, 2, *keys, names.WORKERS, claimed.entry, reply
                )
                return
            except AWAY:
                log.warning("redis lost, answer waits id=%s", claimed.job.id)
                await asyncio.sleep(0.5)

    async def drop(self, lane: str, entry: bytes) -> None:
        """Delete a job without an answer."""
        await self._redis.xack(lane, names.WORKERS, entry)
        await self._redis.xdel(lane, entry)

    async def cancels(self) -> AsyncGenerator[str]:
        """Ids of jobs that nobody waits for any more, for ever."""
        async for message in listen(self._redis, names.CANCEL):
            if message:
                yield message[1].decode()

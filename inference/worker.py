"""
Claim jobs while a slot is free, run them side by side, send back their events.

The slots are for chats. Of the background lane, where rules come from, one job runs at a
time, beside them: however much there is to judge, a chat finds a slot.

"Exactly one last event" is what `_last_event` returns; "client gone" is a deadline that
is now. A job whose engine died under it begins again, as a new attempt.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from time import monotonic, time

import msgspec

from bus.errors import DeadlineExceeded, EngineError, LookoutError
from bus.jpeg import encode_jpeg
from bus.messages import (
    CameraFrames,
    Chat,
    Delta,
    Failed,
    Finished,
    Job,
    Judge,
    Judged,
    LastEvent,
    Timings,
)
from bus.queue import Claimed, JobQueue
from bus.redis import translated
from inference.abilities import check
from inference.answers import answers
from inference.engine import Engine, EngineLost, Pixels
from inference.judging import judge, looks
from inference.outbox import Outbox
from inference.pictures import PictureReader, used
from inference.scale import shrunk

log = logging.getLogger(__name__)

LATE = "nobody waits for this job any more"
DELIVERIES = 3  # workers that may die under a job
TRIES = 3  # engines that may die under it in one worker


class Attempt:
    """One try at a job: what it has sent, and when things happened."""

    def __init__(self, queue: JobQueue, claimed: Claimed, number: int) -> None:
        self.job, self.delivery, self.number = claimed.job, claimed.delivery, number
        self._queue, self._claimed = queue, claimed
        self.queue_ms = max(0.0, time() - claimed.job.created) * 1000
        self.began = self.engine_began = monotonic()
        self.first_token: float | None = None
        task = claimed.job.task
        self.outbox = Outbox(
            lambda first, deltas: queue.reply(claimed, number, first, deltas),
            streamed=isinstance(task, Chat) and task.stream,
        )

    def put(self, delta: Delta) -> None:
        self.first_token = self.first_token or monotonic()
        self.outbox.put(delta)

    def timings(self) -> Timings:
        """Of an attempt whose engine is done now."""
        now = monotonic()
        first = now if self.first_token is None else self.first_token
        return Timings(
            queue=round(self.queue_ms, 2),
            pictures=round((self.engine_began - self.began) * 1000, 2),
            first_token=round((first - self.engine_began) * 1000, 2),
            engine=round((now - self.engine_began) * 1000, 2),
        )

    async def keep_evidence(self, pixels: Pixels) -> float:
        """Store *pixels* for whoever gets the answer; the milliseconds that took."""
        began = monotonic()
        jpeg = await asyncio.to_thread(encode_jpeg, pixels)
        await self._queue.keep_evidence(self._claimed, jpeg)
        return round((monotonic() - began) * 1000, 2)


class Worker:
    """*interactive* and *background* are the lanes of those names."""

    def __init__(
        self,
        interactive: JobQueue,
        background: JobQueue,
        engine: Engine,
        pictures: PictureReader,
    ) -> None:
        self.queue, self.background = interactive, background
        self.engine, self.pictures, self.slots = engine, pictures, engine.slots
        self.done = self.failed = 0
        self._chats = set[asyncio.Task[None]]()
        self._held: dict[str, Claimed] = {}
        self._limits: dict[str, asyncio.Timeout] = {}
        self._gone: deque[str] = deque(maxlen=1024)  # cancelled before we knew the job

    @property
    def busy(self) -> int:
        return len(self._held)

    async def work(self, stop: asyncio.Event) -> None:
        """Run jobs until *stop* is set, then finish those held."""
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._heed_cancels())
            async with asyncio.TaskGroup() as held:
                held.create_task(self._run_in_turn(stop))
                await self._run_side_by_side(held, stop)
            listening.cancel()

    async def _run_side_by_side(self, held: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        while claimed := await self.queue.claim(self.slots - len(self._chats), stop):
            for one in claimed:
                task = held.create_task(self._run_job(one))
                self._chats.add(task)
                task.add_done_callback(self._chats.discard)
            await self._until_a_slot_is_free()

    async def _run_in_turn(self, stop: asyncio.Event) -> None:
        while claimed := await self.background.claim(1, stop):
            for one in claimed:
                await self._run_job(one)
            await self._until_a_slot_is_free()

    async def _until_a_slot_is_free(self) -> None:
        while len(self._chats) >= self.slots:
            await asyncio.wait(self._chats, return_when=asyncio.FIRST_COMPLETED)

    async def _run_job(self, claimed: Claimed) -> None:
        # Cancelled from outside, a job stays unacknowledged: another worker takes it.
        if held := self._held.get(claimed.job.id):  # Redis forgot that it gave us this one,
            if held.entry != claimed.entry:  # or took it in twice
                await self.queue.drop(claimed.lane, claimed.entry)
            return
        self._held[claimed.job.id] = claimed
        try:
            await self._try_job(claimed)
        finally:
            del self._held[claimed.job.id]

    async def _try_job(self, claimed: Claimed) -> None:
        number = (claimed.delivery - 1) * TRIES  # grows from worker to worker
        last_try = number + TRIES - 1
        while True:
            attempt = Attempt(self.queue, claimed, number)
            try:
                last = await self._last_event(attempt)
                break
            except EngineLost as error:
                log.warning("engine lost id=%s attempt=%d: %s", claimed.job.id, number, error)
                if number == last_try:
                    last = Failed.of(_lost_for_good(error))
                    break
                number += 1
        events = (*await attempt.outbox.rest(), last)
        await self.queue.finish(claimed, number, attempt.outbox.sent, events)
        self._count(claimed.job.id, last)

    def _count(self, job_id: str, last: LastEvent) -> None:
        self.done += 1
        if isinstance(last, Failed):
            self.failed += 1
            log.warning("job failed id=%s code=%s", job_id, last.code)
        else:  # of rules there are some for every frame
            level = logging.DEBUG if isinstance(last, Judged) else logging.INFO
            log.log(level, "job done id=%s engine_ms=%.0f", job_id, last.timings.engine)

    async def _last_event(self, attempt: Attempt) -> LastEvent:
        """Run the job and send its deltas; how it ended is returned, so it is sent once."""
        try:
            if attempt.delivery > DELIVERIES:
                raise EngineError(f"{DELIVERIES} workers died while they ran this job")
            async with self._while_wanted(attempt.job):
                if isinstance(attempt.job.task, Judge):
                    return await self._judge(attempt, attempt.job.task)
                return await self._chat(attempt, attempt.job.task)
        except EngineLost:
            raise
        except LookoutError as error:
            return Failed.of(error)
        except Exception:
            log.exception("job crashed id=%s", attempt.job.id)
            return Failed("internal", "the worker failed unexpectedly")

    async def _chat(self, attempt: Attempt, task: Chat) -> Finished:
        check(self.engine.abilities, task.sampling)
        async with translated():
            turns, frames = await self.pictures.turns(task.messages)
        attempt.engine_began = monotonic()
        about = used(frames)
        last = await answers(self.engine, turns, task, attempt.put)
        return msgspec.structs.replace(last, frames=about, timings=attempt.timings())

    async def _judge(self, attempt: Attempt, task: Judge) -> Judged:
        wanted = task.frames
        if not self.engine.judges_series:
            wanted = CameraFrames(wanted.camera)
        async with translated():
            frames = await self.pictures.recent(wanted, task.max_age_s)
        pictures = [shrunk(frame.pixels, task.frames.max_side) for frame in frames]
        seen = looks(pictures, task.questions)
        attempt.engine_began = monotonic()
        about = used(frames)
        found = await judge(self.engine, seen)
        judged = Judged(found.scores, found.by, about, attempt.timings())
        if not any(s is not None and s >= task.evidence_above for s in found.scores):
            return judged
        took_ms = await attempt.keep_evidence(frames[-1].pixels)
        return msgspec.structs.replace(judged, evidence=True, evidence_ms=took_ms)

    @asynccontextmanager
    async def _while_wanted(self, job: Job) -> AsyncGenerator[None]:
        """Interrupt the body when the job's deadline passes or its client leaves."""
        left_s = job.deadline - time()
        if left_s <= 0 or job.id in self._gone:
            raise DeadlineExceeded(LATE)
        limit = asyncio.timeout(left_s)
        try:
            async with limit:
                self._limits[job.id] = limit
                try:
                    yield
                finally:
                    del self._limits[job.id]
        except TimeoutError as error:
            if not limit.expired():  # the engine's own, not ours
                raise
            raise DeadlineExceeded(LATE) from error

    async def _heed_cancels(self) -> None:
        async with aclosing(self.queue.cancels()) as cancels:
            async for job_id in cancels:
                limit = self._limits.get(job_id)
                if limit is None:
                    self._gone.append(job_id)
                elif not limit.expired():
                    limit.reschedule(asyncio.get_running_loop().time())


def _lost_for_good(error: EngineLost) -> EngineError:
    text = f"the engine died {TRIES} times: {error}"
    return EngineError(text, retry_after_s=error.retry_after_s)

"""Whoever asks gets exactly one answer, whatever happens to workers and to Redis."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from time import time

import pytest
from redis.asyncio import Redis

from bus import names
from bus.child import spawn
from bus.errors import DeadlineExceeded, EngineError, Overloaded
from bus.jobs import JobClient, Retried, open_jobs
from bus.messages import (
    Chat,
    Delta,
    Failed,
    Finished,
    Job,
    Judged,
    Message,
    Reply,
    Text,
    encode,
)
from bus.queue import Claimed, JobQueue
from bus.redis import open_redis
from compose import valkey
from tests.conftest import Run

DONE = Finished("stop", 1, 2)


def job(job_id: str = "1", wait_s: float = 20.0) -> Job:
    chat = Chat((Message("user", (Text("hello"),)),), stream=True)
    return Job(job_id, "echo", "api-1", chat, time(), time() + wait_s)


class Bench:
    """One asking process and the Redis between it and any number of workers."""

    def __init__(self, redis: Redis, jobs: JobClient) -> None:
        self.redis, self.jobs, self.stop = redis, jobs, asyncio.Event()

    def worker(self, name: str = "w1") -> JobQueue:
        return JobQueue(self.redis, "echo", name)

    async def alive(self, worker: str) -> None:
        await self.redis.hset(names.process(worker), "id", worker)

    async def claim_one(self, queue: JobQueue) -> Claimed:
        (claimed,) = await queue.claim(1, self.stop)
        return claimed

    def ask(
        self, asked: Job, lane: names.Lane = "interactive"
    ) -> "asyncio.Task[list[Delta | Retried | Finished | Judged]]":
        async def collect() -> list[Delta | Retried | Finished | Judged]:
            return [event async for event in self.jobs.ask(asked, lane)]

        return asyncio.create_task(collect())

    async def depth(self, lane: names.Lane = "interactive") -> int:
        return int(await self.redis.xlen(names.jobs("echo", lane)))

    async def until_queued(self, count: int, lane: names.Lane = "interactive") -> None:
        while await self.depth(lane) != count:
            await asyncio.sleep(0.005)


@asynccontextmanager
async def bench(url: str, max_depth: int = 8) -> AsyncGenerator[Bench]:
    async with open_redis(url) as redis, open_jobs(redis, url, "api-1", max_depth) as jobs:
        yield Bench(redis, jobs)


def test_events_come_in_order_and_the_job_is_gone(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            answer = b.ask(job())
            queue = b.worker()
            claimed = await b.claim_one(queue)
            assert claimed.job.task == job().task
            assert await queue.reply(claimed, 0, 0, (Delta("a"),))
            await queue.finish(claimed, 0, 1, (Delta("b"), DONE))
            assert await answer == [Delta("a"), Delta("b"), DONE]
            assert await b.depth() == 0

    run(scenario())


def test_an_entry_that_redis_wrote_twice_is_read_once(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            answer, queue = b.ask(job()), b.worker()
            claimed = await b.claim_one(queue)
            for _ in range(2):
                await queue.reply(claimed, 0, 0, (Delta("a"),))
            await queue.finish(claimed, 0, 1, (DONE,))
            assert await answer == [Delta("a"), DONE]

    run(scenario())


def test_the_interactive_lane_is_emptied_first(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            rule = b.ask(job("rule"), "background")
            await b.until_queued(1, "background")
            chat = b.ask(job("chat"))
            await b.until_queued(1)
            queue = b.worker()
            order = [await b.claim_one(queue), await b.claim_one(queue)]
            assert [claimed.job.id for claimed in order] == ["chat", "rule"]
            for claimed in order:
                await queue.finish(claimed, 0, 0, (DONE,))
            await asyncio.gather(rule, chat)

    run(scenario())


def test_a_worker_takes_as_many_as_it_has_room_for(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            asked = [b.ask(job(str(number))) for number in range(5)]
            await b.until_queued(5)
            queue = b.worker()
            assert len(await queue.claim(3, b.stop)) == 3
            assert len(await queue.claim(3, b.stop)) == 2
            for task in asked:
                task.cancel()

    run(scenario())


def test_a_full_lane_refuses_at_once(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url, max_depth=2) as b:
            waiting = [b.ask(job(str(number))) for number in range(2)]
            await b.until_queued(2)
            with pytest.raises(Overloaded):
                await b.ask(job("one too many"))
            assert await b.depth() == 2
            for task in waiting:
                task.cancel()

    run(scenario())


def test_what_the_worker_reports_is_raised(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            answer, queue = b.ask(job()), b.worker()
            claimed = await b.claim_one(queue)
            await queue.finish(claimed, 0, 0, (Failed("engine_error", "it broke"),))
            with pytest.raises(EngineError, match="it broke"):
                await answer

    run(scenario())


def test_nobody_waits_beyond_the_deadline(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            with pytest.raises(DeadlineExceeded):
                await b.ask(job(wait_s=0.05))
            await b.until_queued(0)  # taken back: no worker ever sees it

    run(scenario())


def test_a_client_that_leaves_takes_its_job_back(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            answer = b.ask(job())
            await b.until_queued(1)
            answer.cancel()
            await b.until_queued(0)

    run(scenario())


def test_a_client_that_leaves_cancels_a_job_that_runs(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            queue = b.worker()
            async with aclosing(queue.cancels()) as cancels:
                heard = asyncio.create_task(anext(cancels))
                answer = b.ask(job("7"))
                await b.claim_one(queue)
                while not (await b.redis.pubsub_numsub(names.CANCEL))[0][1]:
                    await asyncio.sleep(0.005)
                answer.cancel()
                assert await heard == "7"

    run(scenario())


def test_a_worker_learns_that_the_asking_process_is_gone(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with open_redis(redis_url) as redis:
            async with bench(redis_url) as b:
                answer, queue = b.ask(job()), JobQueue(redis, "echo", "w1")
                claimed = await b.claim_one(queue)
                assert await queue.reply(claimed, 0, 0, (Delta("a"),))
                answer.cancel()
            assert not await queue.reply(claimed, 0, 1, (Delta("b"),))
            assert not await redis.exists(names.replies("api-1"))

    run(scenario())


def test_jobs_of_a_dead_worker_are_taken_over_and_begun_anew(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            answer, dead, heir = b.ask(job()), b.worker("dead"), b.worker("heir")
            await b.alive("heir")
            claimed = await b.claim_one(dead)
            await dead.reply(claimed, 0, 0, (Delta("half an ans"),))
            again = await b.claim_one(heir)
            assert (again.job.id, again.delivery) == ("1", 2)
            await heir.finish(again, 3, 0, (Delta("whole"), DONE))
            await dead.reply(claimed, 0, 1, (Delta("wer"),))  # it was only very slow
            events = await answer
            assert events == [Delta("half an ans"), Retried(), Delta("whole"), DONE]

    run(scenario())


def test_jobs_of_a_worker_that_lives_are_left_alone(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            answer, busy, idle = b.ask(job()), b.worker("busy"), b.worker("idle")
            await b.alive("busy")
            claimed = await b.claim_one(busy)
            waiting = asyncio.create_task(idle.claim(1, b.stop))
            second = b.ask(job("2"))
            assert [c.job.id for c in await waiting] == ["2"]
            assert [c.job.id for c in await asyncio.wait_for(idle_once(idle, b), 10)] == []
            await busy.finish(claimed, 0, 0, (DONE,))
            assert await answer == [DONE]
            second.cancel()

    async def idle_once(idle: JobQueue, b: Bench) -> list[Claimed]:
        """What *idle* finds once it has looked for orphans."""
        return await idle._claim_orphans(1)

    run(scenario())


def test_an_entry_that_cannot_be_read_is_dropped(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            await b.redis.xadd(names.jobs("echo", "interactive"), {"job": b"\xc1 garbage"})
            await b.redis.xadd(names.jobs("echo", "interactive"), {"other": b""})
            answer, queue = b.ask(job()), b.worker()
            claimed = await b.claim_one(queue)
            assert claimed.job.id == "1"
            await queue.finish(claimed, 0, 0, (DONE,))
            assert await answer == [DONE]
            assert await b.depth() == 0

    run(scenario())


def test_garbage_among_the_replies_hurts_nobody(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            answer, queue = b.ask(job()), b.worker()
            claimed = await b.claim_one(queue)
            await b.redis.xadd(names.replies("api-1"), {"reply": b"\xc1"})
            stray = encode(Reply("nobody's", 0, 0, (DONE,)))
            await b.redis.xadd(names.replies("api-1"), {"reply": stray})
            await queue.finish(claimed, 0, 0, (DONE,))
            assert await answer == [DONE]

    run(scenario())


def test_what_redis_lost_is_put_in_again(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            answer, queue = b.ask(job()), b.worker()
            await b.until_queued(1)
            await b.redis.flushall()
            claimed = await b.claim_one(queue)
            await queue.finish(claimed, 0, 0, (DONE,))
            assert await answer == [DONE]

    run(scenario())


def test_replies_are_cut_off_once_read(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with bench(redis_url) as b:
            queue = b.worker()
            for number in range(20):
                answer = b.ask(job(str(number)))
                await queue.finish(await b.claim_one(queue), 0, 0, (DONE,))
                await answer
            while await b.redis.xlen(names.replies("api-1")):
                await asyncio.sleep(0.05)

    run(scenario())


@pytest.mark.parametrize("moment", ["before it is claimed", "while it runs"])
def test_a_killed_redis_that_comes_back_costs_no_answer(
    run: Run, tmp_path: Path, moment: str
) -> None:
    socket = tmp_path / "s"
    command = valkey.command(socket, tmp_path, 0)

    async def scenario() -> None:
        server = await spawn(command)
        async with bench(f"unix://{socket}") as b:
            answer, queue = b.ask(job()), b.worker()
            await b.until_queued(1)
            held = await b.claim_one(queue) if moment == "while it runs" else None
            server.send_signal(signal.SIGKILL)
            await server.wait()
            server = await spawn(command)
            claimed = held or await b.claim_one(queue)
            await queue.finish(claimed, 0, 0, (DONE,))
            assert await answer == [DONE]
        server.terminate()
        await server.wait()

    run(scenario())

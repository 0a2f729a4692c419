"""A worker with the engine under test, somebody who asks it, and a camera filmed by hand."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic, time
from typing import Any

import numpy as np
from redis.asyncio import Redis

from bus import names
from bus.cameras import Cameras
from bus.frames import FramePublisher, FrameWriter, open_publisher
from bus.jobs import JobClient, open_jobs
from bus.messages import (
    CameraFrames,
    CameraSpec,
    Chat,
    Delta,
    Finished,
    Job,
    Judge,
    Judged,
    Message,
    Part,
    Question,
    Sampling,
    Text,
    encode,
)
from bus.queue import JobQueue
from bus.redis import open_redis
from bus.subscriber import open_subscriber
from bus.tasks import background
from inference.engine import Ability, Engine, Judgement, Pixels, Turn
from inference.pictures import PictureReader
from inference.worker import Worker

DONE = Finished("stop", 1, 1)


class Behaviour:
    """An engine for tests; the subclasses are named after what they do."""

    slots = 2
    judges_series = True
    abilities = frozenset[Ability]()

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        yield DONE

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        raise AssertionError("not asked to judge")


def grey(value: int, height: int = 80, width: int = 120) -> Pixels:
    return np.full((height, width, 3), value, np.uint8)


class Desk:
    def __init__(self, redis: Redis, jobs: JobClient, worker: Worker, stop: asyncio.Event) -> None:
        self.redis, self.jobs, self.worker, self.stop = redis, jobs, worker, stop
        self.asked = 0

    async def ask(
        self, *parts: Part, wait_s: float = 20.0, stream: bool = False
    ) -> tuple[str, Finished]:
        chat = Chat((Message("user", parts or (Text("hello"),)),), Sampling(), stream)
        deltas, last = await self.chat(chat, wait_s)
        return "".join(delta.text for delta in deltas), last

    async def chat(self, chat: Chat, wait_s: float = 20.0) -> tuple[list[Delta], Finished]:
        """The deltas of the last attempt, and how it ended."""
        deltas: list[Delta] = []
        async for event in self.jobs.ask(self._job(chat, wait_s), "interactive"):
            if isinstance(event, Delta):
                deltas.append(event)
            elif isinstance(event, Finished):
                return deltas, event
            else:
                deltas = []
        raise AssertionError("no last event")

    async def judge(
        self, *questions: Question, frames: CameraFrames | None = None, **settings: Any
    ) -> Judged:
        """Of the camera `front`. The last job's id is `str(asked)`."""
        task = Judge(frames or CameraFrames("front"), questions, **settings)
        async for event in self.jobs.ask(self._job(task, 20.0), "background"):
            if isinstance(event, Judged):
                return event
        raise AssertionError("no last event")

    def _job(self, task: Chat | Judge, wait_s: float) -> Job:
        self.asked += 1
        return Job(str(self.asked), "m", "api-1", task, time(), time() + wait_s)

    async def until_empty(self) -> None:
        while await self.redis.xlen(names.jobs("m", "interactive")):
            await asyncio.sleep(0.005)


@asynccontextmanager
async def desk(url: str, engine: Engine, run_dir: Path | None = None) -> AsyncGenerator[Desk]:
    """*run_dir*: where the frames of cameras lie, if there are any."""
    stop = asyncio.Event()
    async with open_redis(url) as redis, open_jobs(redis, url, "api-1", 64) as jobs:
        cameras = Cameras(redis)
        with open_subscriber(cameras, str(run_dir or "/nonexistent")) as frames:
            pictures = PictureReader(redis, frames, wait_s=0.5)
            chats, rules = (JobQueue(redis, "m", "w1", (lane,)) for lane in names.LANES)
            worker = Worker(chats, rules, engine, pictures)
            working = asyncio.create_task(worker.work(stop))
            try:
                yield Desk(redis, jobs, worker, stop)
            finally:
                stop.set()
                await working


class Front:
    """The camera `front`."""

    def __init__(self, redis: Redis, writer: FrameWriter, publisher: FramePublisher) -> None:
        self._redis, self._writer, self._publisher = redis, writer, publisher

    async def film(self, pixels: Pixels, age_s: float = 0.0) -> None:
        """Publish a frame that was captured *age_s* ago."""
        self._writer.write(pixels, time() - age_s, monotonic() - age_s, 0.0)
        status = {
            "id": "front",
            "url": "test:",
            "state": "live",
            "instance": self._writer.instance,
            "endpoint": self._publisher.endpoint,
        }
        await self._redis.hset(names.CAMERAS, "front", encode(CameraSpec("front", "test:")))
        await self._redis.hset(names.camera("front"), mapping=status)  # type: ignore[arg-type]


@asynccontextmanager
async def open_front(redis: Redis, run_dir: Path) -> AsyncGenerator[Front]:
    async with open_publisher(str(run_dir), "c1") as publisher, background(publisher.run()):
        writer = FrameWriter(str(run_dir), "front", publisher, lambda call, *what: call(*what))
        yield Front(redis, writer, publisher)
        writer.close()

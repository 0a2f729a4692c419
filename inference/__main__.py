"""`python -m inference`: one engine, its slots, and the jobs that ask for its model."""

import asyncio
import sys
from contextlib import AsyncExitStack
from time import time

from redis.asyncio import Redis

from bus import names
from bus.cameras import Cameras
from bus.heartbeat import beat
from bus.process import run
from bus.queue import JobQueue
from bus.redis import open_redis
from bus.subscriber import open_subscriber
from bus.tasks import background, ended_by
from bus.workers import WorkerInfo, announce
from inference.engine import engine_module
from inference.pictures import PictureReader
from inference.settings import InferenceSettings
from inference.supervised import NOTE, Note
from inference.worker import Worker


class Service:
    """The process from loading to drained, and what its heartbeat says meanwhile."""

    def __init__(self, settings: InferenceSettings) -> None:
        self.settings = settings
        self.module = engine_module(settings.model)
        self.model = self.module.identify(settings.model)
        self.started = time()
        self.worker: Worker | None = None
        self.note = Note()

    def heartbeat(self) -> WorkerInfo:
        worker = self.worker
        return WorkerInfo(
            id=self.settings.process,
            model=self.model,
            state="ready" if worker else "loading",
            slots=worker.slots if worker else 0,
            busy=worker.busy if worker else 0,
            done=worker.done if worker else 0,
            failed=worker.failed if worker else 0,
            started=self.started,
            abilities=" ".join(sorted(worker.engine.abilities)) if worker else "",
            note=self.note.text,
            restarts=self.note.lost,
        )

    async def run(self, redis: Redis, stop: asyncio.Event) -> None:
        NOTE.set(self.note)
        cameras = Cameras(redis)
        alive = beat(redis, self.settings, lambda: self.heartbeat().fields())
        async with (
            background(alive, announce(redis, self.settings.process), cameras.run()),
            AsyncExitStack() as stack,
        ):
            frames = stack.enter_context(open_subscriber(cameras, self.settings.run_dir))
            async with ended_by(stop.wait()):  # loading may take minutes
                engine = await stack.enter_async_context(self.module.open(self.settings.model))
            if stop.is_set():
                return
            pictures = PictureReader(redis, frames, self.settings.frame_wait_s)
            chats, rules = (
                JobQueue(redis, self.model, self.settings.process, (lane,)) for lane in names.LANES
            )
            self.worker = Worker(chats, rules, engine, pictures)
            await self.worker.work(stop)


async def main(settings: InferenceSettings, stop: asyncio.Event) -> None:
    service = Service(settings)
    async with open_redis(settings.redis_url) as redis:
        await service.run(redis, stop)


if __name__ == "__main__":
    sys.exit(run("inference", InferenceSettings, main))

"""
A camera without a lens: 30 noisy pictures a second, published as `capture` does it.

    python -m tests.bench.camera 1920 1080
"""

import asyncio
import sys
import threading
from time import monotonic, sleep, time

import numpy as np
from redis.asyncio import Redis

from bus import names
from bus.frames import FramePublisher, FrameWriter, open_publisher
from bus.messages import CameraSpec, FrameDescriptor, encode
from bus.process import run
from bus.redis import open_redis
from bus.ring import Pixels
from bus.settings import BusSettings
from bus.tasks import background
from tests.bench.processes import say

CAMERA, FPS = "bench", 30.0


def pictures(width: int, height: int) -> list[Pixels]:
    """Several, so that none is still in the processor's cache when its turn comes."""
    dice = np.random.default_rng(1)
    return [dice.integers(0, 256, (height, width, 3), np.uint8) for _ in range(4)]


def shoot(writer: FrameWriter, shots: list[Pixels], stopping: threading.Event) -> None:
    due = monotonic()
    while not stopping.is_set():
        due = max(due + 1 / FPS, monotonic())
        sleep(max(0.0, due - monotonic()))
        write(writer, shots)


def write(writer: FrameWriter, shots: list[Pixels]) -> FrameDescriptor:
    return writer.write(shots[writer.seq % len(shots)], time(), monotonic(), 0.0)


async def register(redis: Redis, publisher: FramePublisher, instance: str) -> None:
    for field, value in (
        ("id", CAMERA),
        ("url", "bench:"),
        ("state", "live"),
        ("instance", instance),
        ("endpoint", publisher.endpoint),
    ):
        await redis.hset(names.camera(CAMERA), field, value)
    await redis.hset(names.CAMERAS, CAMERA, encode(CameraSpec(CAMERA, "bench:", explicit=True)))


async def main(settings: BusSettings, stop: asyncio.Event) -> None:
    width, height = map(int, sys.argv[1:])
    shots, stopping = pictures(width, height), threading.Event()
    async with (
        open_redis(settings.redis_url) as redis,
        open_publisher(settings.run_dir, settings.process) as publisher,
        background(publisher.run()),
    ):
        in_loop = asyncio.get_running_loop().call_soon_threadsafe
        writer = FrameWriter(settings.run_dir, CAMERA, publisher, in_loop)
        first = write(writer, shots)
        await register(redis, publisher, first.instance)
        shooting = asyncio.create_task(asyncio.to_thread(shoot, writer, shots, stopping))
        say("shooting")
        await stop.wait()
        stopping.set()
        await shooting
        writer.close()


if __name__ == "__main__":
    sys.exit(run("camera", BusSettings, main))

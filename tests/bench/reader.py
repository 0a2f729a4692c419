"""
Takes every frame of some cameras as soon as it can, and says how old each one was.

    python -m tests.bench.reader [CAMERA …]
"""

import asyncio
import sys

from bus.cameras import Cameras
from bus.process import run
from bus.redis import open_redis
from bus.settings import BusSettings
from bus.subscriber import FrameSubscriber, open_subscriber
from bus.tasks import background, ended_by
from tests.bench.camera import CAMERA
from tests.bench.processes import say

WAIT_S = 5.0

Seen = list[tuple[int, float, float]]  # number, captured at (monotonic), age in ms


async def read(frames: FrameSubscriber, camera: str, seen: Seen) -> None:
    captured_at = 0.0
    while True:
        frame = await frames.newest(camera, WAIT_S, captured_at)
        age_ms = frame.age_s * 1000
        captured_at = frame.descriptor.captured_at
        if not seen:
            say("reading")
        seen.append((frame.descriptor.seq, frame.descriptor.captured_mono, age_ms))


async def main(settings: BusSettings, stop: asyncio.Event) -> None:
    seen: Seen = []
    async with open_redis(settings.redis_url) as redis:
        cameras = Cameras(redis)
        with open_subscriber(cameras, settings.run_dir) as frames:
            async with background(cameras.run()), ended_by(stop.wait()):
                names = sys.argv[1:] or [CAMERA]
                await asyncio.gather(*(read(frames, name, seen) for name in names))
    say(seen)


if __name__ == "__main__":
    sys.exit(run("reader", BusSettings, main))

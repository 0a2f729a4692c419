"""The capture process as a test starts it, and its neighbours' view of what it does."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from redis.asyncio import Redis

from bus.cameras import Cameras, CameraStatus
from bus.frames import socket_dir
from bus.messages import CameraSpec
from bus.redis import open_redis
from bus.subscriber import FrameSubscriber, open_subscriber
from bus.tasks import background
from compose.ports import free_port

ROOT = Path(__file__).parents[2]
IDLE_S = 60.0
STOP_S = 3.0


@dataclass
class Capture:
    """A running `python -m capture`."""

    process: subprocess.Popen[bytes]
    run_dir: Path
    log: Path

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_S)

    def stop(self) -> float:
        """Ask it to stop; how long that took."""
        start = monotonic()
        self.process.terminate()
        assert self.process.wait(STOP_S) == 0
        return monotonic() - start


@contextmanager
def capturing(redis_url: str, run_dir: Path, **settings: str) -> Iterator[Capture]:
    """It must stop in time and leave nothing in *run_dir*, unless the test has killed it."""
    run_dir.mkdir(exist_ok=True)
    log = run_dir.parent / f"{run_dir.name}-{free_port()}.log"
    env = {
        "REDIS_URL": redis_url,
        "LOOKOUT_RUN_DIR": str(run_dir),
        "LOOKOUT_CAMERA_OPEN_S": "1",
        "LOOKOUT_CAMERA_STALL_S": "3.5",
        **{f"LOOKOUT_{name}": value for name, value in settings.items()},
    }
    command = [sys.executable, "-m", "capture"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, env={**os.environ, **env}, cwd=ROOT, stderr=file)
    try:
        capture = Capture(process, run_dir, log)
        yield capture
        if process.poll() is None:
            capture.stop()
            assert list(run_dir.glob("*.ring")) == []
            assert list(socket_dir(str(run_dir)).glob(f"*-{process.pid}-*.sock")) == []
    finally:
        process.kill()
        process.wait()
        sys.stderr.write(log.read_text())


@dataclass(frozen=True)
class Neighbour:
    """What api, inference and the others see of it."""

    redis: Redis
    cameras: Cameras
    frames: FrameSubscriber

    async def want(self, name: str, url: str, idle_s: float = IDLE_S) -> None:
        await self.cameras.want(CameraSpec(name, url), idle_s)

    async def until(
        self, name: str, is_so: Callable[[CameraStatus | None], bool], within_s: float = 10
    ) -> CameraStatus:
        """The status of the camera once *is_so*."""
        deadline = monotonic() + within_s
        while not is_so(status := await self.cameras.get(name)):
            left_s = deadline - monotonic()
            assert left_s > 0, f"in vain: {status}"
            await self.cameras.changed(name, min(left_s, 0.25))  # numbers change without an event
        return status or CameraStatus(id=name, url="")


@asynccontextmanager
async def neighbour(redis_url: str, run_dir: Path) -> AsyncGenerator[Neighbour]:
    async with open_redis(redis_url) as redis:
        cameras = Cameras(redis)
        with open_subscriber(cameras, str(run_dir)) as frames:
            async with background(cameras.run()):
                yield Neighbour(redis, cameras, frames)

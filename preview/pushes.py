"""Which paths are published elsewhere: `out` alone, or with it every registered camera."""

import asyncio

from redis.asyncio import Redis

from bus import names
from bus.cameras import Cameras
from bus.redis import AWAY, listen
from preview.program import OUT, Programs
from preview.push import push
from preview.sdp import Video

CAMERA = "{camera}"  # in the URL
APART_S = 0.5  # between two looks at the registry


class Pushes:
    """`run` until cancelled."""

    def __init__(self, url: str, redis: Redis, programs: Programs, video: Video) -> None:
        self._url, self._programs, self._video = url, programs, video
        self._redis, self._cameras = redis, Cameras(redis)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks: asyncio.TaskGroup

    async def run(self) -> None:
        if not self._url:
            return
        async with asyncio.TaskGroup() as self._tasks:
            self._start(OUT)
            if CAMERA in self._url:
                await self._follow()

    async def _follow(self) -> None:
        async for _ in listen(self._redis, names.CAMERA_COMMANDS, names.CAMERA_EVENTS):
            try:
                specs = await self._cameras.wanted()
            except AWAY:
                continue
            # One that a request has named comes and goes; published, it would stay for ever.
            wanted = {spec.id for spec in specs if spec.explicit} | {OUT}
            for path in wanted - set(self._running):
                self._start(path)
            for path in set(self._running) - wanted:
                self._running.pop(path).cancel()
            await asyncio.sleep(APART_S)

    def _start(self, path: str) -> None:
        url = self._url.replace(CAMERA, path)
        self._running[path] = self._tasks.create_task(push(url, path, self._programs, self._video))

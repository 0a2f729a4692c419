"""What was last asked about each camera, and about which one. `run` must run beside."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import msgspec
from redis.asyncio import Redis

from bus import names
from bus.messages import Answered, decode_answered
from bus.redis import AWAY, listen

MOST = 256  # cameras; those asked longest ago are forgotten


class Answers:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._by_camera: dict[str, Answered] = {}  # the camera asked last is the last one

    def of(self, camera: str) -> Answered | None:
        return self._by_camera.get(camera)

    def camera(self) -> str:
        """The one last asked; empty when none has been."""
        return next(reversed(self._by_camera), "")

    @property
    def asked_at(self) -> float:
        """When a camera was asked last, unix seconds."""
        return self._by_camera[self.camera()].at if self._by_camera else 0.0

    async def run(self) -> None:
        async for message in listen(self._redis, names.ANSWERS):
            said = await self._missed() if message is None else [message[1]]
            for answered in sorted(_readable(said), key=lambda one: one.at):
                self._note(answered)

    async def _missed(self) -> list[bytes]:
        """What was said last, while nobody listened."""
        try:
            cameras: list[Any] = await self._redis.hkeys(names.CAMERAS)
            keys = [names.answer(camera.decode()) for camera in cameras]
            found: list[Any] = await self._redis.mget(keys) if keys else []
        except AWAY:  # then it will be said again that something was missed
            return []
        return [data for data in found if data]

    def _note(self, news: Answered) -> None:
        known = self._by_camera.get(news.camera)
        if known and known.at > news.at:
            return
        self._by_camera.pop(news.camera, None)
        self._by_camera[news.camera] = news
        if len(self._by_camera) > MOST:
            del self._by_camera[next(iter(self._by_camera))]


def _readable(said: Iterable[bytes]) -> Iterator[Answered]:
    """Those of our version."""
    for data in said:
        with suppress(msgspec.DecodeError):
            yield decode_answered(data)

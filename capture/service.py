"""
Keeps open what the registry in Redis says shall be open, and says there how it is.

Level-triggered: each round reads the whole registry and puts right whatever differs,
so a message that was lost, or a Redis that was away, costs a second and nothing else.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bus import names
from bus.cameras import CameraStatus
from bus.messages import CameraSpec
from bus.redis import listen
from bus.tasks import background
from capture.announce import Announcer
from capture.camera import Camera
from capture.registry import Registry

log = logging.getLogger(__name__)

EVERY_S = 1.0  # a round renews the leases, and the numbers in each status
APART_S = 0.02  # rounds, however many commands come
RELEASE_S = 0.4  # to tell Redis that a camera is closed, if it is there

Build = Callable[[CameraSpec, Callable[[], None]], Camera]  # given what to call at each change


@dataclass
class Kept:
    """A camera that is open, or being closed."""

    spec: CameraSpec
    camera: Camera
    task: asyncio.Task[None] = field(init=False)
    closing: bool = False
    told: CameraStatus | None = None  # what Redis has of it, numbers aside


class Service:
    """`run` until told to stop."""

    def __init__(
        self, redis: Redis, registry: Registry, announcer: Announcer, build: Build
    ) -> None:
        self._redis, self._registry, self._build = redis, registry, build
        self._announcer = announcer
        self._kept: dict[str, Kept] = {}
        self._wake = asyncio.Event()

    @property
    def cameras(self) -> list[str]:
        return sorted(self._kept)

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as self._tasks:
            async with background(self._listen(), self._rounds()):
                await stop.wait()
            for kept in self._kept.values():
                kept.task.cancel()
            with suppress(TimeoutError, RedisError):
                async with asyncio.timeout(RELEASE_S):
                    await self._registry.leave()

    async def _listen(self) -> None:
        async for message in listen(self._redis, names.CAMERA_COMMANDS):
            if message and (kept := self._kept.get(message[1].decode())):
                kept.camera.nudge()
            self._wake.set()

    async def _rounds(self) -> None:
        away = False
        while True:
            self._wake.clear()
            try:
                await self._round()
                away = False
            except RedisError as error:
                if not away:
                    log.warning("redis lost, cameras stay as they are error=%s", error)
                away = True
            await asyncio.sleep(APART_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._wake.wait()

    async def _round(self) -> None:
        ours = await self._registry.ours()
        for kept in self._kept.values():
            spec = ours.get(kept.spec.id)
            if spec and _same_opening(spec, kept.spec):
                kept.spec = spec
            elif not kept.closing:
                kept.closing = kept.task.cancel()
        for spec in ours.values():
            if spec.id not in self._kept:
                self._open(spec)
        await self._tell()

    def _open(self, spec: CameraSpec) -> None:
        kept = self._kept[spec.id] = Kept(spec, self._build(spec, self._wake.set))
        kept.task = self._tasks.create_task(self._keep(kept))

    async def _keep(self, kept: Kept) -> None:
        try:
            await kept.camera.run()
        except Exception:  # one camera must not take the others with it
            log.exception("camera crashed id=%s", kept.spec.id)
            await asyncio.sleep(EVERY_S)
        finally:
            with suppress(TimeoutError, RedisError):
                async with asyncio.timeout(RELEASE_S):
                    await self._registry.release(kept.spec.id)
            del self._kept[kept.spec.id]
            self._announcer.forget(kept.spec.id)
            log.info("camera closed id=%s", kept.spec.id)
            self._wake.set()

    async def _tell(self) -> None:
        kept = [kept for kept in self._kept.values() if not kept.closing]
        statuses = [_status(one) for one in kept]
        changes = [_without_numbers(status) for status in statuses]
        news = [change != one.told for one, change in zip(kept, changes, strict=True)]
        await self._registry.tell(zip(statuses, news, strict=True))
        for one, change in zip(kept, changes, strict=True):
            one.told = change
        for status in statuses:
            await self._announcer.look(status)


def _same_opening(one: CameraSpec, other: CameraSpec) -> bool:
    return (one.url, one.fps) == (other.url, other.fps)


def _status(kept: Kept) -> CameraStatus:
    spec = kept.spec
    return msgspec.structs.replace(kept.camera.status(), explicit=spec.explicit, name=spec.name)


def _without_numbers(status: CameraStatus) -> CameraStatus:
    return msgspec.structs.replace(status, last_frame_at=0.0, fps=0.0, fps_in=0.0, drops=0)

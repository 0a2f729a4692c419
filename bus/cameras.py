"""
The registry of cameras in Redis: who shall be open, and how each one is.

`capture` makes real what the registry wants and writes the status; everybody else
asks here. Changes are announced on a channel, so nobody polls.
"""

import asyncio
import hashlib
import re
from contextlib import suppress
from time import time
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from bus import names
from bus.errors import (
    BadSettings,
    CameraError,
    CameraExists,
    CameraStale,
    CameraTimeout,
    UnknownCamera,
)
from bus.log import mask
from bus.messages import CameraSpec, decode_camera_spec, encode
from bus.redis import listen

CAMERA_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

State = Literal["connecting", "live", "stale", "down"]


class CameraStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What `capture` says about a camera it owns; `url` and `error` carry no credentials."""

    id: str
    url: str
    name: str = ""
    explicit: bool = False
    state: State = "connecting"
    error: str = ""  # why it is not live, in plain words
    attempts: int = 0  # how often it was opened, or tried to be
    reconnects: int = 0  # how often it came back after it had been live
    instance: str = ""  # of its frames; changes when it is opened anew
    owner: str = ""  # id of the capture process
    endpoint: str = ""  # ZeroMQ endpoint of its descriptors on this host
    remote: str = ""  # ZeroMQ endpoint of its JPEG pictures for other hosts, if there is one
    width: int = 0
    height: int = 0
    fps: float = 0.0  # frames published per second, lately; fewer while nobody watches
    fps_in: float = 0.0  # frames that arrive per second
    drops: int = 0  # frames that arrived damaged, or faster than they could be decoded
    codec: str = ""
    last_frame_at: float = 0.0  # unix seconds; refreshed about once a second
    since: float = 0.0  # unix seconds of the last change of state


def check_id(camera_id: str) -> str:
    if not CAMERA_ID.fullmatch(camera_id):
        raise BadSettings(
            f"camera id {camera_id!r}: use 1 to 64 letters, digits, '-' or '_', no '-' or '_' first"
        )
    return camera_id


def implicit_id(url: str) -> str:
    """The id of a camera that somebody asked for by URL: the same URL, the same camera."""
    return f"{urlsplit(url).scheme}-{hashlib.sha256(url.encode()).hexdigest()[:10]}"


class Cameras:
    """The registry as `api`, `inference` and others use it. `run` must run beside."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._changes: dict[str, asyncio.Event] = {}

    async def run(self) -> None:
        """Wake whoever waits for a camera that changed."""
        async for message in listen(self._redis, names.CAMERA_EVENTS):
            changed = list(self._changes) if message is None else [message[1].decode()]
            for camera_id in changed:
                self._changes.pop(camera_id, asyncio.Event()).set()

    def next_change(self, camera_id: str) -> asyncio.Event:
        """Set when the camera has changed, once."""
        return self._changes.setdefault(camera_id, asyncio.Event())

    async def changed(self, camera_id: str, within_s: float) -> None:
        """Return when the camera changes, or after *within_s*."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.next_change(camera_id).wait()

    async def get(self, camera_id: str) -> CameraStatus | None:
        """
        The status of a registered camera, None for another.

        While no capture process has it (the status expires with its owner) it is `connecting`.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(names.camera(camera_id))
            pipe.hget(names.CAMERAS, camera_id)
            fields, spec = await pipe.execute()
        if spec is None:
            return None
        if not fields:
            wanted = decode_camera_spec(spec)
            return CameraStatus(
                id=camera_id, url=mask(wanted.url), name=wanted.name, explicit=wanted.explicit
            )
        values = {key.decode(): value.decode() for key, value in fields.items()}
        return msgspec.convert(values, CameraStatus, strict=False)

    async def wanted(self) -> list[CameraSpec]:
        """What shall be open, by id."""
        specs: dict[Any, Any] = await self._redis.hgetall(names.CAMERAS)
        return sorted(map(decode_camera_spec, specs.values()), key=lambda spec: spec.id)

    async def all(self) -> list[CameraStatus]:
        found = await asyncio.gather(*(self.get(spec.id) for spec in await self.wanted()))
        return [status for status in found if status is not None]

    async def want(self, spec: CameraSpec, idle_s: float) -> None:
        """Have *spec* opened, or keep it open; one already registered keeps its entry."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(names.camera_used(spec.id), "1", px=round(idle_s * 1000))  # or it is unused
            pipe.hsetnx(names.CAMERAS, spec.id, encode(spec))
            pipe.publish(names.CAMERA_COMMANDS, spec.id)
            await pipe.execute()

    async def add(self, spec: CameraSpec) -> None:
        """Have *spec* opened and kept; raise `CameraExists` when its id is taken."""
        if not await self._redis.hsetnx(names.CAMERAS, spec.id, encode(spec)):
            raise CameraExists(f"there is a camera {spec.id!r} already: change it with PATCH")
        await self._redis.publish(names.CAMERA_COMMANDS, spec.id)

    async def replace(self, spec: CameraSpec) -> None:
        """Have *spec* instead of the camera of its id: from now on no old frame is used."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(names.CAMERAS, spec.id, encode(spec))
            self._close(pipe, spec.id)
            await pipe.execute()

    async def rename(self, spec: CameraSpec) -> None:
        """Write *spec*, which differs only in what needs no new opening."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(names.CAMERAS, spec.id, encode(spec))
            pipe.publish(names.CAMERA_COMMANDS, spec.id)
            await pipe.execute()

    async def remove(self, camera_id: str) -> bool:
        """Have the camera closed and forgotten; False if there was none."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hdel(names.CAMERAS, camera_id)
            gone = (names.camera_down, names.answer)
            pipe.unlink(*(name(camera_id) for name in gone))
            self._close(pipe, camera_id)
            return bool((await pipe.execute())[0])

    def _close(self, pipe: Pipeline, camera_id: str) -> None:
        """Take it from its capture process, whose word about it then counts no more."""
        pipe.unlink(names.camera_lease(camera_id), names.camera(camera_id))
        pipe.publish(names.CAMERA_COMMANDS, camera_id)
        pipe.publish(names.CAMERA_EVENTS, camera_id)

    async def spec(self, camera_id: str) -> CameraSpec | None:
        data: Any = await self._redis.hget(names.CAMERAS, camera_id)
        return decode_camera_spec(data) if data else None

    async def touch(self, camera_id: str, idle_s: float) -> None:
        """Keep an implicit camera open for *idle_s* more; one that is down is tried again."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(names.camera_used(camera_id), "1", px=round(idle_s * 1000))
            pipe.publish(names.CAMERA_COMMANDS, camera_id)
            await pipe.execute()

    async def wait_live(self, camera_id: str, within_s: float, tried: int = -1) -> CameraStatus:
        """
        The status of the camera once it is live.

        Raise `CameraError` with the reason when an attempt after number *tried* failed,
        `CameraStale` when it was live and its frames stopped, `CameraTimeout` after *within_s*.
        """
        last: CameraStatus | None = None
        try:
            async with asyncio.timeout(within_s):
                while True:
                    changed = self.next_change(camera_id)
                    last = await self.get(camera_id)
                    if last is not None and _settled(last, tried):
                        return last
                    await changed.wait()
        except TimeoutError as error:
            why = last.error if last and last.error else "it gave no answer"
            raise CameraTimeout(
                f"camera {camera_id} did not open within {within_s:g} s: {why}"
            ) from error


def _settled(status: CameraStatus, tried: int) -> bool:
    """Whether *status* is live; raise when it says that there is nothing to wait for."""
    if status.state == "down" and status.attempts > tried:
        raise CameraError(f"camera {status.id} cannot be opened: {status.error}")
    if status.state == "stale":
        age_s = time() - status.last_frame_at
        raise CameraStale(f"camera {status.id} has given no frame for {age_s:.0f} s")
    return status.state == "live"


def missing(camera_id: str) -> UnknownCamera:
    return UnknownCamera(f"there is no camera {camera_id!r}: see GET /v1/cameras")

"""
Our side of the registry in Redis: which cameras are ours to open, and how each one is.

A camera is ours while we hold its lease, so two capture processes never open the same
one. What is read and changed together is a script, for others change it meanwhile.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from time import monotonic, time

import msgspec
from redis.asyncio import Redis

from bus import names
from bus.cameras import CameraStatus
from bus.messages import CameraSpec, decode_camera_spec, encode
from capture.share import choose

LEASE_MS = 5_000  # a dead process's cameras are taken over after so long
STATUS_MS = 10_000  # and what it said of them is forgotten
ORPHAN_S = 2.5  # a camera that nobody has taken for so long is anybody's
SURPLUS_S = 5.0  # more than our share for so long, and one is given up for others to take
SETTING_MS = 60_000  # how long a setting's camera outlives the last process with that setting

TAKE = """
local lease, used, registry = unpack(KEYS)
local process, lease_ms, id, entry, may_go, channel = unpack(ARGV)
local now = redis.call('hget', registry, id)
if not now then
    return false
end
if may_go == '1' and redis.call('exists', used) == 0 then
    if now == entry then
        redis.call('hdel', registry, id)
        redis.call('publish', channel, id)
    end
    return false
end
local owner = redis.call('get', lease)
if owner and owner ~= process then
    return false
end
redis.call('set', lease, process, 'px', lease_ms)
return now
"""
TELL = """
local lease, status = unpack(KEYS)
local process, status_ms, channel, id = unpack(ARGV)
if redis.call('get', lease) == process then
    redis.call('hset', status, unpack(ARGV, 5))
    redis.call('pexpire', status, status_ms)
    if channel ~= '' then
        redis.call('publish', channel, id)
    end
end
"""
RELEASE = """
local lease, status = unpack(KEYS)
local process, channel, id = unpack(ARGV)
if redis.call('get', lease) == process then
    redis.call('del', lease, status)
    redis.call('publish', channel, id)
end
"""


class Registry:
    """As one capture process sees it; *settings* are the cameras that its settings name."""

    def __init__(self, redis: Redis, process: str, settings: Iterable[CameraSpec]) -> None:
        self._redis, self._process = redis, process
        self._settings, self._registered = tuple(settings), False
        self._free_since: dict[str, float] = {}  # monotonic seconds
        self._balanced = monotonic()  # when we last had no surplus, or gave up a part of it

    async def ours(self) -> dict[str, CameraSpec]:
        """
        The cameras we hold or have just taken, by id; our share, if there are other processes.

        Implicit ones that nobody uses are struck off; so are those of a setting that no
        process has any more.
        """
        specs = dict(_readable(await self._entries()))
        chosen = await self._choose([spec.id for spec in specs.values()])
        specs = {data: spec for data, spec in specs.items() if spec.id in chosen}
        async with self._redis.pipeline(transaction=False) as pipe:
            for data, spec in specs.items():
                keys = names.camera_lease(spec.id), names.camera_used(spec.id), names.CAMERAS
                may_go = str(int(spec.setting or not spec.explicit))
                args = self._process, LEASE_MS, spec.id, data, may_go, names.CAMERA_EVENTS
                pipe.eval(TAKE, len(keys), *keys, *args)
            taken = await pipe.execute()
        # As each was when its lease was taken: it may have been replaced since it was read.
        return {spec.id: spec for _, spec in _readable(data for data in taken if data)}

    async def _choose(self, cameras: list[str]) -> set[str]:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zadd(names.CAPTURES, {self._process: time()})
            pipe.zremrangebyscore(names.CAPTURES, 0, time() - LEASE_MS / 1000)
            pipe.zcard(names.CAPTURES)
            for camera in cameras:
                pipe.get(names.camera_lease(camera))
            _, _, processes, *leases = await pipe.execute()
        owners = {c: (lease or b"").decode() for c, lease in zip(cameras, leases, strict=True)}
        now = monotonic()
        self._free_since = {
            camera: self._free_since.get(camera, now) for camera in cameras if not owners[camera]
        }
        orphans = {c for c, since in self._free_since.items() if now - since > ORPHAN_S}
        chosen = choose(owners, self._process, processes, orphans)
        ours = {camera for camera, owner in owners.items() if owner == self._process}
        if not ours <= chosen and now - self._balanced < SURPLUS_S:
            return chosen | ours
        self._balanced = now
        return chosen

    async def leave(self) -> None:
        """We shall hold no camera any more."""
        await self._redis.zrem(names.CAPTURES, self._process)

    async def _entries(self) -> list[bytes]:
        """
        The whole registry, with the cameras of our settings in it.

        They are put there once, so that they may be removed, and again when Redis has
        lost what it knew: that they are used, which we say all the time.
        """
        async with self._redis.pipeline(transaction=True) as pipe:
            for spec in self._settings:
                pipe.set(names.camera_used(spec.id), "1", px=SETTING_MS, get=True)
            pipe.hvals(names.CAMERAS)
            *known, entries = await pipe.execute()
        if self._registered and all(known):
            return list(entries)
        self._registered = True
        return await self._register()

    async def _register(self) -> list[bytes]:
        async with self._redis.pipeline(transaction=True) as pipe:
            for spec in self._settings:
                pipe.hset(names.CAMERAS, spec.id, encode(spec))
                pipe.publish(names.CAMERA_COMMANDS, spec.id)
            pipe.hvals(names.CAMERAS)
            return list((await pipe.execute())[-1])

    async def tell(self, statuses: Iterable[tuple[CameraStatus, bool]]) -> None:
        """Write how our cameras are, and announce those that changed."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for status, changed in statuses:
                keys = names.camera_lease(status.id), names.camera(status.id)
                channel = names.CAMERA_EVENTS if changed else ""
                head = self._process, STATUS_MS, channel, status.id
                pipe.eval(TELL, len(keys), *keys, *head, *_flat(status))
            await pipe.execute()

    async def release(self, camera_id: str) -> None:
        """Give the camera up, so that another process may open it."""
        keys = names.camera_lease(camera_id), names.camera(camera_id)
        args = self._process, names.CAMERA_EVENTS, camera_id
        await self._redis.eval(RELEASE, len(keys), *keys, *args)


def _readable(entries: Iterable[bytes]) -> Iterator[tuple[bytes, CameraSpec]]:
    """Each entry with what it says; one of another version is not ours to open."""
    for data in entries:
        with suppress(msgspec.DecodeError):
            yield data, decode_camera_spec(data)


def _flat(status: CameraStatus) -> list[str]:
    """Field, value, field, value, as HSET wants it."""
    fields = msgspec.structs.asdict(status)
    return [text for name, value in fields.items() for text in (name, _text(value))]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

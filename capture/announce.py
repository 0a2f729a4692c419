"""Says on the alerts channel that a camera is lost, once, and that it is back, once."""

import secrets
from time import time

import msgspec
from redis.asyncio import Redis

from bus import names
from bus.alerts import PUBLISH, CameraEvent
from bus.cameras import CameraStatus
from bus.times import utc

# The key is the alert that is open: whichever process sees the camera come back ends it.
DOWN = f"""{PUBLISH}
local down, channel, log = unpack(KEYS)
local id, event = unpack(ARGV)
if redis.call('set', down, id, 'nx') then
    publish(channel, log, event, '*')
end
"""
UP = f"""{PUBLISH}
local down, channel, log = unpack(KEYS)
local before, after = unpack(ARGV)
local id = redis.call('get', down)
if id then
    redis.call('del', down)
    publish(channel, log, before .. id .. after, '*')
end
"""


class Announcer:
    """Of one capture process. Cameras that nobody registered are not announced."""

    def __init__(self, redis: Redis, down_s: float) -> None:
        self._redis, self._down_s = redis, down_s
        self._lost_since: dict[str, float] = {}  # unix seconds
        self._said: dict[str, bool] = {}  # camera -> whether it is up

    async def look(self, status: CameraStatus) -> None:
        """Announce what is new about a camera of ours."""
        if not status.explicit:
            return
        if status.state == "live":
            self._lost_since.pop(status.id, None)
            await self._say(status, up=True)
        elif time() - self._lost_since.setdefault(status.id, time()) >= self._down_s:
            await self._say(status, up=False)

    def forget(self, camera_id: str) -> None:
        """It is not ours any more."""
        self._lost_since.pop(camera_id, None)
        self._said.pop(camera_id, None)

    async def _say(self, status: CameraStatus, up: bool) -> None:
        if self._said.get(status.id) == up:
            return
        keys = names.camera_down(status.id), names.ALERTS, names.ALERTS_LOG
        alert = f"camera-{secrets.token_hex(8)}"
        event = CameraEvent(
            type="camera_up" if up else "camera_down",
            id=alert,
            at=utc(time()),
            camera=status.id,
            name=status.name,
            error=None if up else status.error or "gives no frame",
            captured_at=utc(status.last_frame_at) if status.last_frame_at else None,
        )
        text = msgspec.json.encode(event).decode()
        if up:
            await self._redis.eval(UP, len(keys), *keys, *text.split(alert))
        else:
            await self._redis.eval(DOWN, len(keys), *keys, alert, text)
        self._said[status.id] = up

"""
Alert events: what happened, as one JSON document that is the same on every way out.

Pure. They go to a channel for those who listen, and to a log for those who were away.
"""

from typing import Literal

import msgspec

VERSION = 1
LOG_LENGTH = 10_000  # about so many events are kept for replay

# One step, so that the log and the channel agree whoever dies meanwhile.
PUBLISH = f"""
local function publish(channel, log, event)
    redis.call('xadd', log, 'MAXLEN', '~', {LOG_LENGTH}, '*', 'event', event)
    redis.call('publish', channel, event)
end
"""


class CameraEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A camera is lost, or back; both have the same id. Times are UTC, ISO 8601."""

    v: int = VERSION
    type: Literal["camera_down", "camera_up"]
    id: str
    at: str
    camera: str
    name: str
    error: str | None  # why it is down, in plain words
    captured_at: str | None  # of its last frame

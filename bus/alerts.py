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
local function publish(channel, log, event, targets)
    redis.call('xadd', log, 'MAXLEN', '~', {LOG_LENGTH}, '*', 'event', event, 'targets', targets)
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


class RuleRef(msgspec.Struct, frozen=True):
    """The rule that an event is about, as it was then."""

    id: str
    name: str
    question: str


class FrameRef(msgspec.Struct, frozen=True):
    seq: int
    age_ms: float  # when the engine started


class EventTimings(msgspec.Struct, frozen=True):
    """Milliseconds. *frame_age*, *judge* and *decide* add up to *capture_to_event*."""

    queue: float  # until a worker claimed the job; then it took the newest frame
    frame_age: float  # from capture until the engine began
    judge: float
    decide: float  # from the judgement to the event
    capture_to_event: float


class AlertEvent(msgspec.Struct, frozen=True, kw_only=True):
    """
    Something about an alert: it has fired, is over, or more is known. Times are UTC.

    All events of one alert have the same id.
    """

    v: int = VERSION
    type: Literal["fired", "updated", "resolved"]
    id: str
    at: str
    rule: RuleRef
    camera: str
    camera_name: str
    score: float | None  # P(yes); None where a rule was stopped
    on: float
    off: float
    by: Literal["logits", "text"]
    captured_at: str | None
    frame: FrameRef | None
    model: str
    timings_ms: EventTimings | None
    started: str  # when the condition began
    duration_s: float  # from started to at
    reason: Literal["judged", "disabled"] = "judged"
    description: str | None = None  # of the scene; comes with `updated`
    snapshot: str | None = None  # path of the JPEG that was judged


Event = AlertEvent | CameraEvent


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a rule stands on a camera, as `alerts` keeps it; JSON, in a hash by `standing_field`."""

    rule: str
    name: str
    question: str
    camera: str
    phase: Literal["ok", "pending", "firing"] = "ok"
    score: float | None = None  # of the last judgement
    at: float = 0.0  # unix s, when the last judged frame was captured
    every_s: float = 0.0  # the real interval between judgements, lately
    by: Literal["logits", "text"] = "logits"
    alert: str = ""  # id of the alert that is firing
    judged: int = 0  # judgements so far
    skipped: int = 0  # that the motion gate spared
    error: str = ""  # why it is not judged now, in plain words
    state: msgspec.Raw = msgspec.Raw(b"{}")  # of the trigger


def standing_field(rule: str, camera: str) -> str:
    return f"{rule}/{camera}"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert from beginning to end, as it is kept; JSON."""

    id: str
    state: Literal["firing", "resolved"]
    fired: AlertEvent
    resolved: AlertEvent | None = None
    description: str | None = None
    correct: bool | None = None  # what its owner said of it
    note: str = ""


_event = msgspec.json.Decoder(dict[str, msgspec.Raw])
_alert_event = msgspec.json.Decoder(AlertEvent)
_camera_event = msgspec.json.Decoder(CameraEvent)
_standing = msgspec.json.Decoder(Standing)
_alert = msgspec.json.Decoder(Alert)


def encode(value: Event | Standing | Alert) -> bytes:
    return msgspec.json.encode(value)


def decode_event(data: bytes) -> Event:
    """Raise `msgspec.DecodeError` for what is none."""
    kind = msgspec.json.decode(_event.decode(data).get("type", msgspec.Raw(b"null")))
    is_camera = kind in ("camera_down", "camera_up")
    return _camera_event.decode(data) if is_camera else _alert_event.decode(data)


def decode_standing(data: bytes) -> Standing:
    return _standing.decode(data)


def decode_alert(data: bytes) -> Alert:
    return _alert.decode(data)

"""Reading a source as the thread of a camera does, in few words."""

from dataclasses import dataclass
from time import monotonic

from bus.errors import CameraError
from capture.source import Patience, Pixels, open_source

PATIENCE = Patience(open_s=1.0, stall_s=1.0)


@dataclass(frozen=True)
class Seen:
    pixels: Pixels
    at: float  # seconds since the source was asked for
    stamped: float  # as it says itself


@dataclass(frozen=True)
class Reading:
    """What a source gave, and how it ended."""

    seen: list[Seen]
    codec: str
    live: bool
    error: str
    took_s: float


def read(url: str, count: int = 1000, patience: Patience = PATIENCE) -> Reading:
    """At most *count* pictures of *url*."""
    start, seen, codec, live, error = monotonic(), list[Seen](), "", False, ""
    try:
        with open_source(url, patience) as source:
            codec, live = source.codec, source.live
            for shot in source.frames():
                at = shot.captured_mono - start
                seen.append(Seen(shot.pixels(), monotonic() - start, at))
                if len(seen) == count:
                    break
    except CameraError as raised:
        error = str(raised)
    return Reading(seen, codec, live, error, monotonic() - start)

"""Reading a source as the thread of a camera does, in few words."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from bus.errors import CameraError
from capture.source import Pixels, Source, Terms, Watched, open_source

TERMS = Terms(open_s=1.0, stall_s=1.0)


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


def pictures(source: Source, watched: Watched = lambda: True) -> Iterator[tuple[float, Pixels]]:
    """What is to be seen, each with its monotonic time."""
    for shot in source.frames(watched):
        if shot.pixels:
            yield shot.captured_mono, shot.pixels()


def read(url: str, count: int = 1000, terms: Terms = TERMS) -> Reading:
    """At most *count* pictures of *url*."""
    start, seen, codec, live, error = monotonic(), list[Seen](), "", False, ""
    try:
        with open_source(url, terms) as source:
            codec, live = source.codec, source.live
            for captured, pixels in pictures(source):
                seen.append(Seen(pixels, monotonic() - start, captured - start))
                if len(seen) == count:
                    break
    except CameraError as raised:
        error = str(raised)
    return Reading(seen, codec, live, error, monotonic() - start)

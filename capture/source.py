"""
The one interface a kind of camera implements: open it, give its frames one by one.

A source knows nothing of Redis, rings or other cameras. It is used by one thread,
may block in `frames` for as long as its terms allow, and is closed by that thread.
To add one, write `sources/<name>.py` with an `open(url, terms)` function.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, cast
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from bus.errors import BadSettings, CameraError

Pixels = NDArray[np.uint8]  # H x W x 3, RGB


@dataclass(frozen=True)
class Terms:
    """On which terms a camera is read, as the settings say."""

    open_s: float = 10.0  # how long it may take to open
    stall_s: float = 10.0  # how long it may keep us waiting between two frames
    fps: float = 15.0  # more than so many a second are not published
    hwaccel: str = "auto"  # which hardware decodes: `auto`, `none`, or FFmpeg's name of it
    csi_command: str = ""  # instead of what is found installed


@dataclass(frozen=True)
class Shot:
    """
    One picture as the source has it: converted to RGB only when `pixels` is called.

    One without `pixels` says that the camera lives: it was spared because nobody
    watches, or it is `lost` because it was damaged, or we were too slow for it.
    """

    captured_at: float  # unix seconds
    captured_mono: float  # monotonic seconds
    pixels: Callable[[], Pixels] | None = None
    lost: bool = False


Watched = Callable[[], bool]  # whether anybody wants the pictures now


class Source(Protocol):
    @property
    def live(self) -> bool:
        """Whether an end means that the camera was lost, and not that it is over."""
        ...

    @property
    def codec(self) -> str:
        """How its pictures are compressed: `h264`, `mjpeg`, `png`."""
        ...

    def frames(self, watched: Watched) -> Iterator[Shot]:
        """
        Yield every frame at the pace it is captured, without ever falling behind.

        While nobody has it *watched*, a source may spare itself the decoding; once
        somebody has, the next shot has the newest picture. One that waits asks several
        times a second; what *watched* raises ends the frames.

        Raise `CameraError` when the camera breaks; return at its end.
        """
        ...


class SourceModule(Protocol):
    def open(self, url: str, terms: Terms) -> AbstractContextManager[Source]:
        """Raise `CameraError` with the reason when the camera cannot be opened."""
        ...


SOURCES = {
    "csi": "csi",
    "demo": "demo",
    "file": "file",
    "http": "http",
    "https": "http",
    "pipe": "pipe",
    "rtp": "rtp",
    "rtsp": "rtsp",
    "rtsps": "rtsp",
    "v4l2": "v4l2",
}


def kind_of(url: str) -> str:
    """The module of `capture.sources` for *url*; raise `BadSettings` when there is none."""
    try:
        scheme, _ = urlsplit(url).scheme, urlsplit(url).port
    except ValueError as error:  # whose text has a part of the password in it
        raise BadSettings(
            "its address cannot be read: in a user or password write %2F for /, %40 for @"
        ) from error
    if scheme not in SOURCES:
        raise BadSettings(f"unknown kind of camera {scheme!r}: choose one of {', '.join(SOURCES)}")
    return SOURCES[scheme]


def open_source(url: str, terms: Terms) -> AbstractContextManager[Source]:
    """Open the camera that *url*'s scheme names: `rtsp://10.0.0.5/stream1`."""
    module = importlib.import_module(f"capture.sources.{kind_of(url)}")
    return cast(SourceModule, module).open(url, terms)


def first_picture(source: Source) -> Pixels:
    """Raise `CameraError` when there is none."""
    for shot in source.frames(lambda: True):
        if shot.pixels:
            return shot.pixels()
    raise CameraError("it gave no picture")

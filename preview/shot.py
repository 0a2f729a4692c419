"""What is to be seen next at one path. Pure."""

from dataclasses import dataclass

from bus.jpeg import Pixels


@dataclass(frozen=True)
class Shot:
    """A new picture of a camera, or what there is instead."""

    camera: str  # empty: none has been asked
    pixels: Pixels | None  # None: the picture before, if there is one of this camera
    captured_at: float  # unix seconds
    captured_mono: float  # monotonic seconds of this host
    trouble: str = ""  # why it is not live, in plain words

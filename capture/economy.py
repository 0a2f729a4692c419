"""
What to decode of a video, so that it costs little while nobody watches.

Then only key frames are, and not every one of them. Packets since the last one are kept
as they came: whoever begins to watch gets the newest picture, and not the last key frame.
"""

from collections.abc import Callable
from math import inf
from time import monotonic

from av import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from capture.hwaccel import Decoder

LOOK_S = 1.0  # while nobody watches: key frames are decoded no more often than that
KEPT = 300  # packets; with more, whoever comes would wait for long: they are decoded
KEPT_BYTES = 16 << 20


class Economy:
    """For one opening of a video; packets come in the order in which they are decoded."""

    def __init__(self, decoder: Decoder, watched: Callable[[], bool]) -> None:
        self._decoder, self._watched = decoder, watched
        self._kept: list[Packet[Stream]] = []
        self._kept_bytes = 0
        self._missed = False  # packets that the decoder has not seen and never will
        self._looked = -inf
        self.shown = False  # the first picture is always decoded
        self.resting = False  # the last packet was kept and not decoded

    def decode(self, packet: "Packet[Stream]") -> list[VideoFrame]:
        """
        The frames that *packet* brings, oldest first; none of one that is kept.

        At the end of a rest, those before it are decoded, too, but not given.
        """
        if not packet.size:  # the end: let go of what the decoder holds, unless it is old
            return [] if self._kept else self._note(self._decoder.frames(packet))
        if packet.is_keyframe:
            self._begin_anew()
        self._kept.append(packet)
        self._kept_bytes += packet.size
        self.resting = not self._is_due(packet)
        return [] if self.resting else self.wake()

    def wake(self) -> list[VideoFrame]:
        """The newest of what is kept, without waiting for the next packet."""
        self._looked, self.resting = monotonic(), False
        kept, self._kept, self._kept_bytes = self._kept, [], 0
        newest = list[VideoFrame]()
        for packet in kept:  # never all of them at once: decoded they fill gigabytes
            newest = self._decoder.frames(packet) or newest
        return self._note(newest)

    def miss(self) -> None:
        """A packet is left out, and so are those up to the next key frame."""
        self._missed = True

    def _begin_anew(self) -> None:
        """At a key frame nothing before it is needed any more."""
        if self._kept or self._missed:
            self._decoder.restart()
        self._kept, self._kept_bytes, self._missed = [], 0, False

    def _is_due(self, packet: "Packet[Stream]") -> bool:
        if not self.shown or self._watched():
            return True
        if len(self._kept) >= KEPT or self._kept_bytes >= KEPT_BYTES:
            return True
        return packet.is_keyframe and monotonic() - self._looked >= LOOK_S

    def _note(self, frames: list[VideoFrame]) -> list[VideoFrame]:
        self.shown = self.shown or bool(frames)
        return frames

"""Playing a video that has an end, at the speed it was filmed."""

from collections.abc import Iterator
from functools import partial
from time import monotonic, sleep

from av import Packet
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from bus.errors import CameraError
from capture.economy import Economy
from capture.hwaccel import Decoder
from capture.source import Shot, Watched
from capture.video import Converter, media_s, now, packets_of

REPEAT_S = 1.0  # a picture that lasts longer is given again
LATE_S = 1.0  # a recording later than this does not hurry, it goes on from here
GAP_S = 60.0  # a longer one between two frames is a fault of their time stamps
FPS = 25.0  # of a recording that does not say


class Clock:
    """When the moments of a recording are due."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._start: float | None = None  # monotonic time of the recording's 0
        self._media_s = 0.0

    def due(self, media_s: float | None) -> float:
        """Monotonic time at which to show what is at *media_s*."""
        self._media_s = self._media_s + self._interval_s if media_s is None else media_s
        start = monotonic() - self._media_s
        if self._start is None or not -LATE_S < self._start - start < GAP_S:
            self._start = start
        return self._start + self._media_s

    def is_past(self, media_s: float | None) -> bool:
        if media_s is None or self._start is None:
            return False
        return self._start + media_s <= monotonic()


class Player:
    """One opening of a recording."""

    def __init__(self, container: InputContainer, video: VideoStream, decoder: Decoder) -> None:
        self._container, self._video, self._decoder = container, video, decoder
        self._interval_s = 1 / float(video.average_rate or FPS)
        self._clock, self._converter = Clock(self._interval_s), Converter()
        self._last: Shot | None = None

    def shots(self, watched: Watched) -> Iterator[Shot]:
        """Give its frames as a camera would, and one again if it lasts."""
        economy = Economy(self._decoder, watched)
        for packet in packets_of(self._container, self._video):
            if economy.resting:
                yield from self._idle(packet, watched)
                if watched():
                    yield from self._show(economy.wake())
            yield from self._show(economy.decode(packet))
            if economy.resting and self._last:
                yield from self._idle(packet, watched)
        if not economy.shown:
            raise CameraError("there is no picture in it")
        yield from self._hold(monotonic() + self._interval_s)

    def _show(self, frames: list[VideoFrame]) -> Iterator[Shot]:
        for frame in frames:
            if self._last or not self._clock.is_past(frame.time):  # as it is after a rest
                yield from self._hold(self._clock.due(frame.time))
            self._last = now(partial(self._converter.pixels, frame))
            yield self._last

    def _hold(self, until: float) -> Iterator[Shot]:
        """Wait; a long wait shows the last picture again and again."""
        while (left_s := until - monotonic()) > REPEAT_S:
            sleep(REPEAT_S)
            yield now(self._last.pixels if self._last else None)
        sleep(max(0.0, left_s))

    def _idle(self, packet: "Packet[Stream]", watched: Watched) -> Iterator[Shot]:
        """Wait until what nobody watches is due, or somebody does."""
        until, self._last = self._clock.due(media_s(packet)), None
        while True:
            sleep(min(REPEAT_S, max(0.0, until - monotonic())))
            yield now(None)
            if monotonic() >= until or watched():
                return

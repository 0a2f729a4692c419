"""Pixels to H.264. It blocks: call it in a thread."""

from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from bus.jpeg import Pixels
from preview.rtp import CLOCK, nal_units, parameter_sets

NEVER = 1_000_000  # pictures until x264 makes a key frame by itself: we ask for them by time
# ultrafast: a third of the cost of veryfast. A short buffer keeps key frames small, which
# UDP players would lose. The colours are said to be those that OpenCV converts to.
X264 = (
    "repeat-headers=1:vbv-maxrate={kbps}:vbv-bufsize={buffer}:"
    "colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m:range=tv"
)


@dataclass(frozen=True)
class Film:
    """What every picture of ours has in common."""

    width: int
    height: int
    fps: float
    kbps: int


class Encoder:
    """One stream; its first picture is a key frame."""

    def __init__(self, film: Film) -> None:
        codec = VideoCodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = film.width, film.height, "yuv420p"
        codec.time_base = Fraction(1, CLOCK)
        codec.framerate = Fraction(film.fps).limit_denominator(1000)
        codec.bit_rate, codec.gop_size, codec.thread_count = film.kbps * 1000, NEVER, 1
        codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "x264-params": X264.format(kbps=film.kbps, buffer=film.kbps // 2),
        }
        self._codec = codec

    def encode(self, pixels: Pixels, tick: int, key: bool) -> bytes:
        """The picture as NAL units with start codes; *tick* is later than the one before."""
        planes = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420), np.uint8)
        frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
        frame.pts, frame.time_base = tick, Fraction(1, CLOCK)
        frame.pict_type = PictureType.I if key else PictureType.NONE
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))


def sets_of(film: Film) -> list[bytes]:
    """SPS and PPS of every stream that is encoded so."""
    black = np.zeros((film.height, film.width, 3), np.uint8)
    return parameter_sets(nal_units(Encoder(film).encode(black, 0, key=True)))

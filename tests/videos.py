"""Video files that tests can tell apart: numbered pictures, as anybody's recorder writes them."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av

from tests.pictures import numbered

CODECS = {".mp4": "libx264", ".mkv": "libx264", ".ts": "libx264", ".avi": "mjpeg"}


def write_video(
    path: Path,
    numbers: Iterable[int],
    *,
    size: tuple[int, int] = (320, 240),
    fps: int = 15,
    turned: int = 0,
    slower: int = 1,
) -> Path:
    """*turned* is how far players must turn it anticlockwise, as phones have it."""
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(path, "w", options=options) as file:
        video = file.add_stream(CODECS[path.suffix], rate=fps)
        assert isinstance(video, av.VideoStream)
        video.width, video.height = size
        video.pix_fmt = "yuvj420p" if path.suffix == ".avi" else "yuv420p"
        video.codec_context.thread_count = 1
        if turned:
            video.set_display_rotation(turned)
        for place, number in enumerate(numbers):
            frame = av.VideoFrame.from_ndarray(numbered(number, *size), "rgb24")
            frame.pts, frame.time_base = place * slower, Fraction(1, fps)
            file.mux(video.encode(frame))
        file.mux(video.encode())
    return path

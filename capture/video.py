"""Reading videos with PyAV, as files and network streams have it in common."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from time import monotonic, time

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from bus.errors import CameraError
from capture.reasons import opening
from capture.source import Patience, Pixels, Shot

REPEAT_S = 1.0  # a picture that lasts longer is given again
LATE_S = 1.0  # a video later than this does not hurry, it goes on from here


@contextmanager
def open_video(
    url: str, patience: Patience, options: dict[str, str] | None = None
) -> Generator[tuple[InputContainer, VideoStream]]:
    """The container at *url* and its first video; raise `CameraError` with the reason."""
    with opening(url, patience.open_s):
        container = av.open(url, options=options, timeout=(patience.open_s, patience.stall_s))
    with container:
        if not container.streams.video:
            raise CameraError("there is no video in it")
        video = container.streams.video[0]
        video.codec_context.thread_type = "SLICE"  # FRAME would delay each by several frames
        video.codec_context.thread_count = 1
        yield container, video


def is_picture(container: InputContainer) -> bool:
    """Whether it is a single picture in FFmpeg's eyes: `png_pipe`, `image2`."""
    return container.format.name.endswith("_pipe") or container.format.name == "image2"


def decode(packet: av.Packet) -> list[VideoFrame]:
    """The frames of *packet*; none of a damaged one, which need not be the end."""
    try:
        return [frame for frame in packet.decode() if isinstance(frame, VideoFrame)]
    except av.error.InvalidDataError:
        return []


def frames_of(container: InputContainer, video: VideoStream) -> Iterator[VideoFrame]:
    for packet in container.demux():
        if packet.stream.index == video.index:
            yield from decode(packet)


class Converter:
    """Frames to RGB, upright."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def shot(self, frame: VideoFrame) -> Shot:
        """*frame* as captured now."""
        return Shot(time(), monotonic(), lambda: self.pixels(frame))

    def pixels(self, frame: VideoFrame) -> Pixels:
        rgb = self._reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        if turns := round(frame.rotation / 90) % 4:
            rgb = np.rot90(rgb, turns)
        return np.ascontiguousarray(rgb, np.uint8)

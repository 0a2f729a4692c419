"""Reading videos with PyAV, as files and network streams have it in common."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep, time

import av
import numpy as np
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from bus.errors import CameraError
from capture.reasons import opening
from capture.source import Pixels, Shot, Terms

REPEAT_S = 1.0  # a picture that lasts longer is given again
LATE_S = 1.0  # a recording later than this does not hurry, it goes on from here
GAP_S = 60.0  # a longer one between two frames is a fault of their time stamps
FPS = 25.0  # of a recording that does not say
# FFmpeg opens far more: any text, which it draws, and lists of other files and addresses.
FORMATS = (
    "mjpeg,mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mxf,dv,nut,ivf,obu,"
    "h264,hevc,m4v,yuv4mpegpipe,gif,apng,webp_anim,jpegxl_anim,"
    "jpeg_pipe,png_pipe,webp_pipe,bmp_pipe,tiff_pipe,gif_pipe,jpegxl_pipe,jpegls_pipe,j2k_pipe,"
    "exr_pipe,hdr_pipe,dds_pipe,psd_pipe,qoi_pipe,sgi_pipe,pcx_pipe,ppm_pipe"
)


@contextmanager
def open_video(
    url: str, terms: Terms, options: dict[str, str]
) -> Generator[tuple[InputContainer, VideoStream]]:
    """The container at *url* and its first video; raise `CameraError` with the reason."""
    with opening(url, terms.open_s):
        container = av.open(url, options=options, timeout=(terms.open_s, terms.stall_s))
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


def decode(packet: "av.Packet[Stream]") -> list[VideoFrame]:
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
        return now(lambda: self.pixels(frame))

    def pixels(self, frame: VideoFrame) -> Pixels:
        rgb = self._reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        if turns := round(frame.rotation / 90) % 4:
            rgb = np.rot90(rgb, turns)
        return np.ascontiguousarray(rgb, np.uint8)


def now(pixels: Callable[[], Pixels] | None) -> Shot:
    return Shot(time(), monotonic(), pixels)


def paced(frames: Iterable[VideoFrame], fps: float) -> Iterator[Shot]:
    """Give *frames* of a recording as a camera would, at their times, and again if none comes."""
    converter = Converter()
    media_s, start, last = 0.0, None, None
    for frame in frames:
        media_s = media_s + 1 / fps if frame.time is None else frame.time
        if start is None or not -LATE_S < start + media_s - monotonic() < GAP_S:
            start = monotonic() - media_s
        if last is not None:
            yield from hold(last, start + media_s)
        last = converter.shot(frame)
        yield last
    if last is None:
        raise CameraError("there is no picture in it")
    yield from hold(last, monotonic() + 1 / fps)


def hold(shot: Shot, until: float) -> Iterator[Shot]:
    """Wait; a long wait shows *shot* again and again."""
    while (left_s := until - monotonic()) > REPEAT_S:
        sleep(REPEAT_S)
        yield now(shot.pixels)
    sleep(max(0.0, left_s))

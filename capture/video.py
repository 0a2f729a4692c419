"""Reading videos with PyAV, as files and network streams have it in common."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from time import monotonic, time

import av
import numpy as np
from av import Packet
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from bus.errors import CameraError
from capture.reasons import opening
from capture.source import Pixels, Shot, Terms

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
        yield container, video


def is_picture(container: InputContainer) -> bool:
    """Whether it is a single picture in FFmpeg's eyes: `png_pipe`, `image2`."""
    return container.format.name.endswith("_pipe") or container.format.name == "image2"


def codec_of(video: VideoStream) -> str:
    """`h264`, whichever decoder it has."""
    return video.codec_context.codec.canonical_name


def packets_of(container: InputContainer, video: VideoStream) -> Iterator["Packet[Stream]"]:
    """The last one is empty, and makes the decoder let go of what it holds."""
    for packet in container.demux():
        skipped = not packet.size and packet.dts is not None  # an AVI's frame like the one before
        if packet.stream.index == video.index and not skipped:
            yield packet


def media_s(packet: "Packet[Stream]") -> float | None:
    """When it is to be decoded, in seconds of the video; it need not begin at 0."""
    stamp = packet.pts if packet.dts is None else packet.dts
    return None if stamp is None else float(stamp * packet.time_base)


class Converter:
    """Frames to RGB, upright."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def pixels(self, frame: VideoFrame) -> Pixels:
        rgb = self._reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        if turns := round(frame.rotation / 90) % 4:
            rgb = np.rot90(rgb, turns)
        return np.ascontiguousarray(rgb, np.uint8)


def now(pixels: Callable[[], Pixels] | None) -> Shot:
    return taken(monotonic(), pixels)


def taken(at: float, pixels: Callable[[], Pixels] | None, *, lost: bool = False) -> Shot:
    """A picture of the monotonic time *at*."""
    return Shot(time() - (monotonic() - at), at, pixels, lost)

"""
USB cameras and whatever else is a video device: `v4l2:///dev/video0?size=1280x720&fps=30`.

`format` is `mjpeg`, `h264`, or the name of raw pixels: `yuyv`, `nv12`, ... Without one it is
MJPEG, or else what the camera has; a camera takes the size and rate next to those it is
asked for. A name that stays the same wherever the camera is plugged in is found in
`/dev/v4l/by-id`. Brightness and the like are set with `v4l2-ctl`.
"""

import errno
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic, sleep
from urllib.parse import unquote, urlsplit

from av import Packet
from av.codec.context import Flags
from av.error import ExitError, FFmpegError, InvalidDataError
from av.video.codeccontext import VideoCodecContext

from bus.errors import CameraError
from capture.newest import Drain, Picture, Pictures, arrived, damaged, draining, shots
from capture.pieces import PieceDecoder
from capture.query import Asked
from capture.source import Shot, Source, Terms, Watched
from capture.v4l2_device import Device, Opener, Piece, open_device
from capture.video import Converter

SIZE = 1280, 720
FORMATS = {
    "mjpeg": "mjpeg",
    "h264": "h264",
    "hevc": "hevc",
    "yuyv": "yuyv422",
    "uyvy": "uyvy422",
    "nv12": "nv12",
    "yuv420p": "yuv420p",
    "rgb24": "rgb24",
    "bgr24": "bgr24",
    "gray": "gray",
}
WAIT_S = 0.004  # before a camera that has nothing new is asked again
LATE_S = 1.0  # a frame that claims to be older has a time stamp of another clock

OTHERWISE = (errno.EINVAL, errno.ENOSPC)  # what it refuses, it may give in another format
NO_CAMERA = "it is not a camera, or not the right file of one: most cameras have several"
OPENING = {
    errno.ENOENT: "no such device: is it plugged in?",
    errno.ENODEV: NO_CAMERA,
    errno.ENXIO: NO_CAMERA,
    errno.ENOTTY: NO_CAMERA,
    errno.ENOSYS: NO_CAMERA,
    errno.EBUSY: "another program uses it",
    errno.EACCES: "this user may not read it: add it to the group video",
    errno.EPERM: "this user may not read it: here the device has to be allowed",
    errno.ENOSPC: "its USB bus has no room left: use format=mjpeg, a smaller size or another port",
    errno.EINVAL: "it has no such format or size: see v4l2-ctl --list-formats-ext",
}
UNPLUGGED = (errno.ENODEV, errno.EIO, errno.ENOENT, errno.ENXIO, errno.ESHUTDOWN, errno.EPROTO)

Error = (OSError, FFmpegError)


def path_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc or not parts.path.startswith("/dev/"):
        raise CameraError("write v4l2:// and the whole path: v4l2:///dev/video0")
    return unquote(parts.path)


def attempts(url: str, terms: Terms) -> list[dict[str, str]]:
    """What to ask of the device, best first; raise `CameraError` for a query with mistakes."""
    asked = Asked(urlsplit(url).query, ("size", "fps", "format"))
    width, height = asked.size(SIZE)
    shape = {
        "video_size": f"{width}x{height}",
        "framerate": f"{asked.number('fps', terms.fps, 1, 240):g}",
    }
    best = {**shape, "input_format": asked.choice("format", FORMATS, "mjpeg")}
    if "format" in asked:
        return [best]
    return [best, shape] if asked else [best, shape, {}]


def opened(path: str, wanted: list[dict[str, str]], terms: Terms, opener: Opener) -> Device:
    """The device, as the first of *wanted* that it grants; raise `CameraError`."""
    until, reason = monotonic() + terms.open_s, CameraError("no format")
    for options in wanted:
        try:
            return opener(path, options, max(0.1, until - monotonic()))
        except Error as error:
            reason = CameraError(_why_not(error, terms.open_s))
            reason.__cause__ = error
            if error.errno not in OTHERWISE:
                break
    raise reason


def _why_not(error: OSError | FFmpegError, limit_s: float) -> str:
    if isinstance(error, ExitError):
        return f"gave no picture within {limit_s:g} s"
    return OPENING.get(error.errno or 0) or (error.strerror or "it cannot be opened").lower()


def pictures(device: Device) -> Pictures:
    """Everything *device* gives, which is closed at the end; raise `CameraError` at its loss."""
    try:
        decode = _decoder(device)
        while True:
            if piece := device.read():
                yield from decode(piece)
            else:
                sleep(WAIT_S)
                yield None
    except Error as error:
        gone = error.errno in UNPLUGGED
        why = "it was unplugged" if gone else f"it cannot be read any more: {error.strerror}"
        raise CameraError(why) from error
    finally:
        device.close()


def _decoder(device: Device) -> Callable[[Piece], Iterator[Picture]]:
    if device.codec.name in ("mjpeg", "rawvideo"):
        return partial(_alone, PieceDecoder(device.codec))
    device.codec.thread_type, device.codec.thread_count = "SLICE", 1
    device.codec.flags |= Flags.low_delay
    return partial(_in_sequence, device.codec, Converter())


def _alone(decoder: PieceDecoder, piece: Piece) -> Iterator[Picture]:
    """A picture that needs no other: decoded if somebody wants to see it."""
    yield arrived(partial(decoder.decode, piece.data), _age_s(piece))


def _in_sequence(codec: VideoCodecContext, converter: Converter, piece: Piece) -> Iterator[Picture]:
    """Pictures that build on each other: all are decoded, or the newest could not be."""
    try:
        frames = codec.decode(Packet(piece.data)) if piece.data else None
    except InvalidDataError:
        frames = None
    if frames is None:
        yield damaged()
    for frame in frames or ():
        yield arrived(partial(partial, converter.pixels, frame), _age_s(piece))


def _age_s(piece: Piece) -> float:
    age_s = monotonic() - piece.mono
    return age_s if 0 <= age_s < LATE_S else 0.0


class UsbCamera:
    live = True

    def __init__(self, drain: Drain, codec: str, terms: Terms) -> None:
        self.codec = codec
        self._drain, self._terms = drain, terms

    def frames(self, watched: Watched) -> Iterator[Shot]:
        yield from shots(self._drain, self._terms, watched)


@contextmanager
def open(url: str, terms: Terms, opener: Opener = open_device) -> Generator[Source]:
    device = opened(path_of(url), attempts(url, terms), terms, opener)
    codec = device.codec.name
    with draining(pictures(device)) as drain:
        yield UsbCamera(drain, codec, terms)

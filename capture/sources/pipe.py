"""
Any command that writes pictures to its stdout: `pipe:rpicam-vid -t 0 --codec mjpeg -o -`.

What follows the last `#` says what it writes, `pipe:COMMAND#format=rawvideo&size=640x480`:

* `format` is `mjpeg` (JPEG pictures, one after the other) unless it says `rawvideo` or a
  stream that FFmpeg can read from a pipe: `h264`, `hevc`, `mpegts`, `matroska`, ...
* `size` and `pixels` (`rgb24`, `bgr24`, `bgrx`, `nv12`, `yuv420p`, ...) belong to `rawvideo`.
* `fd` is the descriptor that the pictures come from, if not 1. Then whatever the command
  prints to stdout does no harm.

No shell sees the command; quotes hold words together as in one. %20 is a space, which the
list of cameras in the settings needs; a `#` or a `%` of the command is written %23 or %25.
"""

import shlex
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

import av
from av.codec.context import Flags

from bus.errors import CameraError
from capture.command import Child, running
from capture.jpegs import JpegCutter
from capture.layouts import LAYOUTS, Raw
from capture.newest import Drain, Picture, Pictures, arrived, damaged, draining, shots
from capture.pieces import jpeg_decoder
from capture.query import Asked
from capture.reasons import reading
from capture.source import Shot, Source, Terms, Watched
from capture.video import Converter

WRITE = "write pipe:COMMAND or pipe:COMMAND#format=mjpeg"
FIELDS = ("format", "size", "pixels", "fd")
BARE = ("h264", "hevc", "m4v")  # no container: what they are is known at once
STREAMS = (*BARE, "mpegts", "matroska", "webm", "flv", "nut", "ivf", "avi", "yuv4mpegpipe")
FORMATS = {name: name for name in ("mjpeg", "rawvideo", *STREAMS)}
AT_ONCE = {"probesize": "32", "analyzeduration": "0"}
SOON = {"analyzeduration": "500000", "fpsprobesize": "0"}  # a rate would cost 0.7 s


@dataclass(frozen=True)
class Stream:
    """What a command writes, and to which descriptor."""

    format: str = "mjpeg"
    raw: Raw | None = None
    descriptor: int = 1


def parse(line: str) -> tuple[list[str], Stream]:
    """The words of `COMMAND#format=…`, and what it says; raise `CameraError`."""
    command, _, query = line.rpartition("#") if "#" in line else (line, "", "")
    try:
        words = shlex.split(unquote(command))
    except ValueError as error:  # whose text is harmless: "No closing quotation"
        raise CameraError(f"the command cannot be read: {str(error).lower()}") from error
    if not words:
        raise CameraError(WRITE)
    return words, stream_of(Asked(query, FIELDS))


def stream_of(asked: Asked) -> Stream:
    name = asked.choice("format", FORMATS, "mjpeg")
    descriptor = int(asked.number("fd", 1, 1, 255))
    if descriptor == 2:
        raise CameraError("fd: 2 is where the command says what goes wrong")
    if name != "rawvideo":
        if odd := [field for field in ("size", "pixels") if field in asked]:
            raise CameraError(f"{odd[0]}: only format=rawvideo has it")
        return Stream(name, None, descriptor)
    if "size" not in asked or "pixels" not in asked:
        raise CameraError("raw video says nothing of itself: write size=640x480&pixels=rgb24")
    raw = Raw(asked.size((0, 0)), asked.choice("pixels", LAYOUTS, ""))
    return Stream(name, raw, descriptor)


def pictures(child: Child, stream: Stream, terms: Terms) -> Pictures:
    """Everything that *child* gives, without delay; raise `CameraError` when it ends."""
    if stream.raw:
        yield from _raw(child, stream.raw)
    elif stream.format == "mjpeg":
        yield from _jpegs(child)
    else:
        yield from _decoded(child, stream.format, terms)
    raise CameraError(child.farewell())


def _jpegs(child: Child) -> Iterator[Picture]:
    cutter, decoder = JpegCutter(), jpeg_decoder()
    while piece := child.read():
        for jpeg in cutter.cut(piece):
            yield arrived(partial(decoder.decode, jpeg)) if jpeg else damaged()


def _raw(child: Child, raw: Raw) -> Iterator[Picture]:
    picture = bytearray()
    while piece := child.read(raw.bytes - len(picture)):
        picture += piece
        if len(picture) == raw.bytes:
            whole, picture = picture, bytearray()
            yield arrived(partial(partial, raw.pixels, whole))


def _decoded(child: Child, name: str, terms: Terms) -> Iterator[Picture]:
    """Pictures that build on each other: all are decoded, or the newest could not be."""
    try:
        with reading(terms.stall_s):
            yield from _demuxed(child, name)
    except CameraError:
        if not child.ended:
            raise


def _demuxed(child: Child, name: str) -> Iterator[Picture]:
    converter = Converter()
    options = AT_ONCE if name in BARE else SOON
    with av.open(child, "r", format=name, options=options) as container:
        if not container.streams.video:
            raise CameraError("there is no video in it")
        video = container.streams.video[0]
        video.codec_context.thread_type, video.codec_context.thread_count = "SLICE", 1
        video.codec_context.flags |= Flags.low_delay
        for packet in container.demux(video):
            yield from _frames(packet, converter)


def _frames(packet: "av.Packet[av.VideoStream]", converter: Converter) -> Iterator[Picture]:
    try:
        frames = [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
    except av.error.InvalidDataError:
        yield damaged()
        return
    for frame in frames:
        yield arrived(partial(partial, converter.pixels, frame))


class PipeCamera:
    live = True

    def __init__(self, child: Child, drain: Drain, codec: str, terms: Terms) -> None:
        self.codec = codec
        self._child, self._drain, self._terms = child, drain, terms

    def frames(self, watched: Watched) -> Iterator[Shot]:
        yield from shots(self._drain, self._terms, watched, self._child.last_words)


@contextmanager
def open_command(command: Sequence[str], stream: Stream, terms: Terms) -> Generator[Source]:
    """A camera made of *command*, which has ended when this has."""
    with (
        running(command, stream.descriptor) as child,
        draining(pictures(child, stream, terms), child.kill) as drain,
    ):
        yield PipeCamera(child, drain, stream.format, terms)


@contextmanager
def open(url: str, terms: Terms) -> Generator[Source]:
    command, stream = parse(url.partition(":")[2])
    with open_command(command, stream, terms) as source:
        yield source

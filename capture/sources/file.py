"""
Files: `file:///videos/yard.mp4` plays once, with `?loop=1` for ever; a picture stays.

A video plays at the speed it was filmed. A picture is shown once a second, and read
again when its file has changed. A loop opens the file anew each time, so a video may be
replaced while it plays.
"""

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from time import sleep
from urllib.parse import parse_qs, unquote, urlsplit

from bus.errors import CameraError
from capture.hwaccel import Decoder
from capture.picture import read_picture
from capture.reasons import reading
from capture.recording import Player
from capture.source import Pixels, Shot, Source, Terms, Watched
from capture.video import FORMATS, Converter, codec_of, is_picture, now, open_video, packets_of

FILE = {"format_whitelist": FORMATS}
SHOW_S = 1.0  # how often a picture is shown, and its file looked at
TRIES = 3  # for a changed picture: it may be half written


def path_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise CameraError("write the whole path after three slashes: file:///videos/yard.mp4")
    return unquote(parts.path)


def version_of(path: str) -> tuple[int, int, int]:
    """Something that changes whenever the file does."""
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise CameraError("no such file") from error
    except OSError as error:
        raise CameraError((error.strerror or "it cannot be read").lower()) from error
    if stat.S_ISDIR(status.st_mode):
        raise CameraError("a directory, not a video or picture")
    if not stat.S_ISREG(status.st_mode):
        raise CameraError("not a regular file")
    return status.st_ino, status.st_size, status.st_mtime_ns


class Video:
    live = False

    def __init__(self, path: str, codec: str, loop: bool, terms: Terms) -> None:
        self.codec = codec
        self._path, self._loop, self._terms = path, loop, terms

    def frames(self, watched: Watched) -> Iterator[Shot]:
        yield from self._once(watched)
        while self._loop:
            yield from self._once(watched)

    def _once(self, watched: Watched) -> Iterator[Shot]:
        with (
            open_video(self._path, self._terms, FILE) as (container, video),
            reading(self._terms.stall_s),
        ):
            # In software: a loop of seconds would open a graphics card every few seconds.
            yield from Player(container, video, Decoder(video)).shots(watched)


class Picture:
    live = True  # it has no end

    def __init__(self, path: str, terms: Terms) -> None:
        self._path, self._terms = path, terms
        self._version, self._failed = version_of(path), 0
        self._pixels, self.codec = any_picture(path, terms)

    def frames(self, watched: Watched) -> Iterator[Shot]:
        while True:
            yield now(partial(_same, self._pixels))
            sleep(SHOW_S)
            if (version := version_of(self._path)) != self._version:
                self._read(version)

    def _read(self, version: tuple[int, int, int]) -> None:
        try:
            self._pixels, self.codec = any_picture(self._path, self._terms)
            self._version, self._failed = version, 0
        except CameraError:
            self._failed += 1
            if self._failed == TRIES:
                raise


def _same(pixels: Pixels) -> Pixels:
    return pixels


def any_picture(path: str, terms: Terms) -> tuple[Pixels, str]:
    """The picture in the file and its format, read by Pillow or else by FFmpeg."""
    if picture := read_picture(path):
        return picture
    with open_video(path, terms, FILE) as (container, video):
        decoder = Decoder(video)
        for packet in packets_of(container, video):
            for frame in decoder.frames(packet):
                return Converter().pixels(frame), codec_of(video)
    raise CameraError("not a video or picture")


@contextmanager
def open(url: str, terms: Terms) -> Generator[Source]:
    path = path_of(url)
    version_of(path)  # or say why not
    loop = parse_qs(urlsplit(url).query).get("loop", ["0"])[-1] not in ("0", "false", "no")
    if read_picture(path):
        yield Picture(path, terms)
        return
    with open_video(path, terms, FILE) as (container, video):
        still, codec = is_picture(container), codec_of(video)
    yield Picture(path, terms) if still else Video(path, codec, loop, terms)

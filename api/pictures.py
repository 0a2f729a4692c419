"""Uploaded pictures: the header checked before any pixel is decoded, the bytes stored once."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable
from io import BytesIO
from typing import TypeVar

from PIL import Image
from redis.asyncio import Redis

from bus import names
from bus.errors import BadImage, ImageTooLarge
from bus.messages import StoredPicture
from bus.redis import translated

A = TypeVar("A")
R = TypeVar("R")

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA")
_DATA_URL = re.compile(r"data:(?P<type>image/[\w.+-]+)?(;[\w=.-]+)*;base64,", re.IGNORECASE)
# Pieces of a file, each of which costs the decoder time however small it is. A camera's own
# files have a dozen scans, and a few thousand chunks where they are as large as can be.
MAX_SCANS, MAX_CHUNKS = 100, 50_000
_SCAN = b"\xff\xda"
_THREAD_ABOVE = 256 * 1024  # bytes; below, a thread costs more than it spares


class _Header(BytesIO):
    """A file whose header must end soon: a hostile one has a million empty parts."""

    reads_left = 10_000

    def read(self, size: int | None = -1) -> bytes:
        self.reads_left -= 1
        if self.reads_left < 0:
            raise OSError("this header has no end")
        return super().read(size)


class PictureStore:
    def __init__(self, redis: Redis, size_bytes: int, pixels: int, keep_s: float) -> None:
        """
        *size_bytes* and *pixels* are what one picture may have at most.

        Redis has it for *keep_s*, which is longer than any request may take.
        """
        self._keep_ms = round(keep_s * 1000)
        self._redis, self._size_bytes, self._pixels = redis, size_bytes, pixels
        Image.init()  # before, Pillow knows only half of the formats

    async def add_data_url(self, url: str) -> StoredPicture:
        match = _DATA_URL.match(url)
        if not match:
            raise BadImage("a data: URL must look like data:image/jpeg;base64,… ")
        if (len(url) - match.end()) * 3 // 4 > self._size_bytes + 3:
            raise self._too_large()
        return await self.add(await _off_loop(len(url), _unbase64, url[match.end() :]))

    async def add(self, data: bytes) -> StoredPicture:
        """Raise `BadImage` or `ImageTooLarge`."""
        if len(data) > self._size_bytes:
            raise self._too_large()
        await _off_loop(len(data), self._check_header, data)
        digest = (await _off_loop(len(data), hashlib.sha256, data)).hexdigest()
        key = names.image(digest)
        async with translated():
            if not await self._redis.pexpire(key, self._keep_ms):
                await self._redis.set(key, data, px=self._keep_ms)
        return StoredPicture(digest)

    def _check_header(self, data: bytes) -> None:
        """Read size and format; no pixel is decoded, so a bomb costs nothing."""
        try:
            with Image.open(_Header(data), formats=FORMATS) as image:
                width, height = image.size
                kind = image.format
        except Image.DecompressionBombError as error:
            raise ImageTooLarge("the picture has too many pixels") from error
        except Exception as error:  # a parser of hostile bytes may raise anything
            raise BadImage(
                f"this is no picture that can be read: use one of {', '.join(FORMATS)}"
            ) from error
        if width * height > self._pixels:
            raise ImageTooLarge(
                f"the picture has {width}x{height} pixels: "
                f"at most {self._pixels / 1e6:g} million are accepted"
            )
        if _has_too_many_pieces(kind, data):
            raise BadImage("the picture's file is in too many pieces: save it anew")

    def _too_large(self) -> ImageTooLarge:
        return ImageTooLarge(f"the picture is larger than {self._size_bytes / 2**20:g} MiB")


def _has_too_many_pieces(kind: str | None, data: bytes) -> bool:
    if kind in ("JPEG", "MPO"):
        return data.count(_SCAN) > MAX_SCANS
    return kind == "PNG" and _chunks(data) > MAX_CHUNKS


def _chunks(data: bytes) -> int:
    """How many chunks the PNG in *data* has, up to one more than are allowed."""
    at, count = 8, 0  # after the signature
    while at < len(data) and count <= MAX_CHUNKS and data[at + 4 : at + 8] != b"IEND":
        at += int.from_bytes(data[at : at + 4]) + 12  # its length, type and check sum
        count += 1
    return count


async def _off_loop(size: int, work: Callable[[A], R], argument: A) -> R:
    return await asyncio.to_thread(work, argument) if size > _THREAD_ABOVE else work(argument)


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        pass
    try:  # line breaks and a missing end, as some clients send them
        clean = re.sub(r"\s+", "", text)
        return base64.b64decode(clean + "=" * (-len(clean) % 4), validate=True)
    except ValueError as error:
        raise BadImage("the data: URL is not valid base64") from error

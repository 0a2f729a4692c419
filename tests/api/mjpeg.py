"""A reader of moving pictures, part by part, as a browser reads them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from time import monotonic

import httpx
from PIL import Image

from tests.api.asking import Colour


@dataclass(frozen=True)
class Part:
    headers: dict[str, str]
    jpeg: bytes
    at: float  # monotonic, when it had come

    @property
    def seq(self) -> int:
        return int(self.headers["x-frame-seq"])

    @property
    def size(self) -> tuple[int, int]:
        with Image.open(BytesIO(self.jpeg)) as picture:
            return picture.size

    @property
    def colour(self) -> Colour:
        """Of the picture's middle, where nothing is written."""
        with Image.open(BytesIO(self.jpeg)) as picture:
            red, green, blue = picture.getpixel((picture.width // 2, picture.height // 4))  # type: ignore[misc]
        return red, green, blue


@contextmanager
def watching(http: httpx.Client, camera: str, **query: object) -> Iterator[Iterator[Part]]:
    """The parts of a camera's moving pictures; leaving the block is leaving."""
    params = {name: str(value) for name, value in query.items()}
    with http.stream("GET", f"/v1/cameras/{camera}/preview.mjpeg", params=params) as answer:
        assert answer.status_code == 200, answer.read()
        kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
        assert kind == "multipart/x-mixed-replace"
        yield parts(answer.iter_bytes(), boundary.encode())


def parts(chunks: Iterator[bytes], boundary: bytes) -> Iterator[Part]:
    data = b""
    for chunk in chunks:
        data += chunk
        while (part := _first(data, boundary)) is not None:
            yield part[0]
            data = part[1]


def _first(data: bytes, boundary: bytes) -> tuple[Part, bytes] | None:
    """The first part in *data*, if it is there whole, and what follows."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None
    first, *lines = head.removeprefix(b"\r\n").decode().split("\r\n")
    assert first == f"--{boundary.decode()}"
    headers = dict(line.split(": ", 1) for line in lines)
    assert headers["content-type"] == "image/jpeg"
    length = int(headers["content-length"])
    if len(rest) < length:
        return None
    return Part(headers, rest[:length], monotonic()), rest[length:]

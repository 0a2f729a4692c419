"""
Cameras that answer over HTTP: `http://10.0.0.5/stream`, `http://10.0.0.5/jpg?every=2s`.

What it is shows in its answer: MJPEG, which never ends; a single picture, which is asked for
again `every` so often (1 s unless said, 0.1 to 600); or a video, with or without an end,
also as a play list (HLS). At a private address the certificate of https is not verified, for
a camera has signed it itself and its owner cannot mend that; at a public one it is.
"""

import re
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import partial

from bus.errors import CameraError
from capture.connection import Limit
from capture.http_client import Answer, Client, open_client
from capture.http_video import open_video
from capture.jpegs import JpegCutter
from capture.newest import Drain, Pictures, arrived, damaged, draining, shots
from capture.pieces import jpeg_decoder
from capture.snapshot import SnapshotCamera
from capture.source import Shot, Source, Terms, Watched

EVERY_S = 1.0
PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF....WEBP", re.DOTALL)  # its beginning
HEAD = 12  # bytes that show what it is
SEEK = "look for its stream's address in the manual"


def pace_of(url: str) -> tuple[str, float]:
    """*url* without our parameter, everything else as it was written, and the pace in seconds."""
    address, _, query = url.partition("?")
    parts = query.split("&")
    ours = [part for part in parts if part.startswith("every=")]
    if not ours:
        return url, EVERY_S
    match = re.fullmatch(r"every=([0-9]{1,3}(?:\.[0-9]+)?)s?", ours[-1])
    if not match or not 0.1 <= float(match[1]) <= 600:
        raise CameraError("write every=2s, from 0.1s to 600s")
    rest = "&".join(part for part in parts if part not in ours)
    return f"{address}?{rest}" if rest else address, float(match[1])


class MjpegCamera:
    live, codec = True, "mjpeg"

    def __init__(self, drain: Drain, terms: Terms) -> None:
        self._drain, self._terms = drain, terms

    def frames(self, watched: Watched) -> Iterator[Shot]:
        yield from shots(self._drain, self._terms, watched)


def pictures(answer: Answer, limit: Limit) -> Pictures:
    """All of an MJPEG stream, whatever the camera writes between them."""
    cutter, decoder = JpegCutter(), jpeg_decoder()
    while piece := answer.read():
        for jpeg in cutter.cut(piece):
            yield arrived(partial(decoder.decode, jpeg)) if jpeg else damaged()
        limit.renew()


@contextmanager
def open_mjpeg(client: Client, answer: Answer, terms: Terms) -> Generator[Source]:
    client.limit = Limit(terms.stall_s, "gave no frame for")
    with draining(pictures(answer, client.limit), answer.shut) as drain:
        yield MjpegCamera(drain, terms)


def check_answer(kind: str, head: bytes) -> None:
    """Raise `CameraError` for what is no picture and no video at first sight."""
    begin = head.lstrip()[:1]
    if not head:
        raise CameraError("it answers, but sends nothing")
    if kind == "text/html" or begin == b"<":
        raise CameraError(f"it serves a web page, not a picture: {SEEK}")
    if kind.endswith("json") or begin in (b"{", b"["):
        raise CameraError(f"it serves data (JSON), not a picture: {SEEK}")


def camera_of(
    client: Client, answer: Answer, every_s: float, terms: Terms
) -> AbstractContextManager[Source]:
    if answer.kind.startswith("multipart/"):
        return open_mjpeg(client, answer, terms)
    head = answer.peek(HEAD)
    check_answer(answer.kind, head)
    if head.startswith(b"--"):  # of another kind only by name
        return open_mjpeg(client, answer, terms)
    still = PICTURE.match(head) and not answer.kind.startswith("video/")
    if still or answer.kind.startswith("image/"):
        return nullcontext(SnapshotCamera(client, answer, every_s, terms))
    return open_video(client, answer, terms)


@contextmanager
def open(url: str, terms: Terms) -> Generator[Source]:
    address, every_s = pace_of(url)
    limit = Limit(terms.open_s, "gave no answer within")
    with (
        open_client(address, limit) as client,
        closing(client.get()) as answer,
        camera_of(client, answer, every_s, terms) as camera,
    ):
        yield camera

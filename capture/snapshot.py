"""
A camera that gives one picture each time it is asked.

It is asked at its pace, and more seldom while nobody watches. Then its pictures are not
decoded, and whoever begins to watch gets a new one. Between two pictures that are more than
a second apart the last one is given again, for to the camera it is the newest there is.
"""

from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from time import monotonic, sleep

from PIL import Image, UnidentifiedImageError

from bus.errors import CameraError
from capture.connection import Limit
from capture.http_client import Answer, Client
from capture.picture import FORMATS, to_rgb
from capture.source import Pixels, Shot, Terms, Watched
from capture.video import taken

LARGEST = 32 << 20  # bytes
LARGEST_PIXELS = 64_000_000  # some phones have cameras of 50 million
REST_S = 5.0  # the pace while nobody watches, unless its own is slower
LOOK_S = 0.2  # so often it is looked whether somebody has come
REPEAT_S = 1.0
TRIES = 3  # so many failures in a row are the end
CONDITIONS = {"if-none-match": "etag", "if-modified-since": "last-modified"}


class SnapshotCamera:
    live = True

    def __init__(self, client: Client, first: Answer, every_s: float, terms: Terms) -> None:
        self._client, self._every_s, self._stall_s = client, every_s, terms.stall_s
        self._unless: dict[str, str] = {}  # unless it is still the picture that we have
        self._pixels: Pixels | None = None  # of the data, once they are wanted
        self._take(first)
        self._pixels, self.codec = picture_of(self._data)

    def frames(self, watched: Watched) -> Iterator[Shot]:
        yield self._shot(self._at, watched())
        while True:
            yield from self._pause(watched)
            yield self._next(watched)

    def _pause(self, watched: Watched) -> Iterator[Shot]:
        """Until the next picture is due, or somebody has come to see one."""
        began = told = monotonic()
        resting, came = not watched(), False
        while True:
            sleep(min(LOOK_S, self._every_s))
            now, rested, resting = monotonic(), resting, not watched()
            came = came or (rested and not resting)
            if now - began >= self._pace_s(resting, came):
                return
            if now - told >= REPEAT_S:
                told = now
                yield self._shot(now, not resting)

    def _pace_s(self, resting: bool, came: bool) -> float:
        if came:
            return min(self._every_s, REPEAT_S)
        return max(self._every_s, REST_S) if resting else self._every_s

    def _next(self, watched: Watched) -> Shot:
        """A new picture, or the news that there is one; to fail now and then is no harm."""
        began, failed = monotonic(), 0
        while True:
            self._client.limit = Limit(self._stall_s, "gave no picture within")
            try:
                self._fetch()
                return self._shot(self._at, watched())
            except CameraError:
                failed += 1
                if failed == TRIES or monotonic() - began > self._stall_s:
                    raise
            sleep(min(self._every_s, REPEAT_S))

    def _fetch(self) -> None:
        answer = self._client.get(headers=self._unless)
        if answer.status != 304:
            self._take(answer)
            return
        answer.close()
        self._at = monotonic()

    def _take(self, answer: Answer) -> None:
        with closing(answer):  # the next one may then use its connection
            self._data = answer.read_all(LARGEST)
        self._at, self._pixels = monotonic(), None
        said = {ours: answer.headers.get(theirs) for ours, theirs in CONDITIONS.items()}
        self._unless = {name: value for name, value in said.items() if value}

    def _shot(self, at: float, wanted: bool) -> Shot:
        """The picture that we have, as taken *at*; raise `CameraError` if it is none."""
        if not wanted:
            return taken(at, None)
        if self._pixels is None:
            self._pixels, _ = picture_of(self._data)
        pixels = self._pixels
        return taken(at, lambda: pixels)


def picture_of(data: bytes) -> tuple[Pixels, str]:
    """The picture and its format."""
    Image.init()
    known = [name for name in FORMATS if name in Image.OPEN]
    try:
        with Image.open(BytesIO(data), formats=known) as image:
            if image.width * image.height > LARGEST_PIXELS:
                raise Image.DecompressionBombError
            return to_rgb(image), str(image.format).lower()
    except Image.DecompressionBombError as error:
        raise CameraError("its picture is too large") from error
    except UnidentifiedImageError as error:
        raise CameraError("what it serves is not a picture") from error
    except (OSError, ValueError, SyntaxError) as error:  # as Pillow does for damaged files
        raise CameraError("its picture is damaged") from error

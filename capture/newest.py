"""
Keeping up with a camera that does not wait for us.

A thread takes whatever it gives; whoever shows the pictures gets the newest, however slow
they are. Knows nothing of where the pictures come from.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from threading import Condition, Thread
from time import monotonic, time

from bus.errors import CameraError
from capture.source import Pixels, Shot, Terms, Watched

LOOK_S = 0.25  # so often at least, whoever waits for a picture is asked who watches
SHOW_S = 1.0  # one picture in so many seconds is decoded while nobody watches
END_S = 0.3  # a thread that has not ended by then is left alone

Decoded = Callable[[], Pixels]


@dataclass(frozen=True)
class Picture:
    """One picture as it came, without `decode` if it is known to be damaged."""

    at: float  # unix seconds
    mono: float  # monotonic seconds
    decode: Callable[[], Decoded | None] | None  # gives None when it turns out to be damaged


Pictures = Generator[Picture | None]  # None: nothing new, but it may be told to stop


def arrived(decode: Callable[[], Decoded | None], age_s: float = 0.0) -> Picture:
    """A picture of *age_s* ago."""
    return Picture(time() - age_s, monotonic() - age_s, decode)


def damaged() -> Picture:
    return Picture(time(), monotonic(), None)


class Drain:
    """Filled by its own thread, emptied by one other."""

    def __init__(self, pictures: Pictures) -> None:
        self._changed = Condition()
        self._newest: Picture | None = None
        self._missed = 0  # damaged, or replaced by a newer one before anybody took them
        self._error: Exception | None = None
        self._stopping = False
        self._thread = Thread(target=partial(self._run, pictures), name="drain", daemon=True)
        self._thread.start()

    def take(self, within_s: float) -> tuple[Picture | None, int]:
        """
        The newest picture, None if there is no new one, and how many were lost meanwhile.

        Raise what ended the camera, once everything from before is taken.
        """
        with self._changed:
            self._changed.wait_for(self._has_news, within_s)
            picture, self._newest = self._newest, None
            missed, self._missed = self._missed, 0
            if self._error and not picture and not missed:
                raise self._error
            return picture, missed

    def stop(self, wake: Callable[[], object]) -> None:
        """End the thread; *wake* makes it return if it waits for the camera."""
        self._stopping = True
        wake()
        self._thread.join(END_S)

    def _run(self, pictures: Pictures) -> None:
        error: Exception = CameraError("the camera ended its stream")
        try:
            with closing(pictures):
                for picture in pictures:
                    if self._stopping:
                        break
                    if picture:
                        self._put(picture)
        except Exception as raised:  # who takes the pictures has to deal with it
            error = raised
        with self._changed:
            self._error = error
            self._changed.notify()

    def _put(self, picture: Picture) -> None:
        with self._changed:
            if picture.decode is None or self._newest:
                self._missed += 1
            if picture.decode:
                self._newest = picture
            self._changed.notify()

    def _has_news(self) -> bool:
        return bool(self._newest or self._missed or self._error)


@contextmanager
def draining(pictures: Pictures, wake: Callable[[], object] = bool) -> Generator[Drain]:
    """*wake* is what makes *pictures* end when they wait for the camera."""
    drain = Drain(pictures)
    try:
        yield drain
    finally:
        drain.stop(wake)


def shots(
    drain: Drain, terms: Terms, watched: Watched, last_words: Callable[[], str] = str
) -> Iterator[Shot]:
    """
    The newest pictures, about one a second of them decoded while nobody watches.

    *watched* is asked while no picture comes, too; what it raises ends the shots. Raise
    `CameraError`, with the camera's *last_words*, when it keeps us waiting for too long.
    """
    heard, shown, limit_s = monotonic(), -inf, terms.open_s
    while True:
        picture, missed = drain.take(LOOK_S)
        wanted = watched()
        for _ in range(missed):
            yield Shot(time(), monotonic(), lost=True)
        if picture:
            shot = _shot(picture, wanted or picture.mono - shown >= SHOW_S)
            yield shot
            if not shot.lost:
                heard, limit_s = monotonic(), terms.stall_s
            if shot.pixels:
                shown = shot.captured_mono
        if monotonic() - heard > limit_s:
            raise CameraError(_silent(limit_s, shown == -inf, last_words()))


def _shot(picture: Picture, wanted: bool) -> Shot:
    pixels = picture.decode() if wanted and picture.decode else None
    return Shot(picture.at, picture.mono, pixels, lost=wanted and pixels is None)


def _silent(limit_s: float, never: bool, last_words: str) -> str:
    reason = f"gave no {'picture within' if never else 'frame for'} {limit_s:g} s"
    return f"{reason}: {last_words}" if last_words else reason

"""What becomes of a shot: canvas, overlay, H.264. It blocks: one thread at a time."""

from time import localtime, strftime

import numpy as np

from bus.jpeg import Pixels
from bus.overlay import Caption, Note, Overlay, Said, caption, card
from preview.canvas import dimmed, letterboxed
from preview.encoder import Encoder, Film
from preview.rtp import CLOCK, Unit, unit_of
from preview.shot import Shot

KEY_S = 2.0  # between two key frames: so long, at most, a lost packet is seen
KEY_APART_S = 0.5  # not sooner, however many players ask
STEP = CLOCK // 1000  # a picture is later than the one before, whatever the clocks say
EMPTY: Pixels = np.zeros((0, 0, 3), np.uint8)
NOBODY = "no camera has been asked yet"


class Studio:
    """The stream of one path, picture by picture."""

    def __init__(self, film: Film, fade_s: float) -> None:
        self._film = film
        self._overlay = Overlay(film.width, film.height, fade_s)
        self._encoder = Encoder(film)
        self._clean: Pixels | None = None  # the newest picture, nothing drawn on it
        self._camera, self._taken_at = "", 0.0  # of that one
        self._written, self._shown = ("", ""), EMPTY  # on a card, and the card
        self._tick, self._key_tick = 0, -CLOCK * 1000

    def encode(self, shot: Shot, said: Said, key_wanted: bool, now: float) -> Unit:
        """*now* is unix seconds: an answer fades."""
        pixels = self._paint(shot, said, now)
        self._tick = max(self._tick + STEP, round(shot.captured_mono * CLOCK))
        since_s = (self._tick - self._key_tick) / CLOCK
        key = since_s >= (KEY_APART_S if key_wanted else KEY_S)
        if key:
            self._key_tick = self._tick
        return unit_of(self._encoder.encode(pixels, self._tick, key), self._tick, shot.captured_at)

    def _paint(self, shot: Shot, said: Said, now: float) -> Pixels:
        width, height = self._film.width, self._film.height
        if shot.pixels is not None:
            self._clean = letterboxed(shot.pixels, width, height)
            self._taken_at = shot.captured_at
        elif shot.camera != self._camera:
            self._clean = None
        self._camera = shot.camera
        if self._clean is None:
            return self._card(shot, now)
        pixels = dimmed(self._clean) if shot.trouble else self._clean.copy()
        self._overlay.draw(pixels, self._caption(shot, said), now)
        return pixels

    def _card(self, shot: Shot, now: float) -> Pixels:
        """Drawn once a second, for it costs as much as the encoding."""
        text = f"{shot.trouble or NOBODY} - {strftime('%H:%M:%S', localtime(now))}"
        written = shot.camera or "Lookout", text
        if written != self._written:
            self._written = written
            self._shown = card(self._film.width, self._film.height, *written)
        return self._shown

    def _caption(self, shot: Shot, said: Said) -> Caption:
        trouble = (Note(shot.trouble, "trouble"),) if shot.trouble else ()
        said = Said(said.answered, (*trouble, *said.notes))
        return caption(shot.camera, self._taken_at, said)

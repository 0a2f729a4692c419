"""
What is written over a camera's picture: its name, what was said of it, how its rules stand.

Pure: the time is an argument. Text becomes a patch once per change, and each frame only
has the patches laid over it.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

import numpy as np

from bus.jpeg import Pixels
from bus.lettering import SOLID, Colour, Lettering, Line, Patch
from bus.messages import Answered

Content = TypeVar("Content", bound=Hashable)

FADE_OUT_S = 1.0
MOST_LINES = 4  # of a question, and of an answer
SHADE = 205  # of 255: so dark is a box that white letters can be read on a white wall

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
YELLOW, MINT, RED, PURPLE = (255, 214, 90), (150, 240, 170), (176, 16, 24), (96, 40, 130)
SLATE, SILVER = (24, 28, 36), (200, 206, 214)

Level = Literal["ok", "pending", "firing", "trouble"]


@dataclass(frozen=True)
class Note:
    """How something stands that does not go away by itself: a rule, or a fault."""

    text: str
    level: Level


@dataclass(frozen=True)
class Caption:
    """*at* is when the frame was captured, *answered_at* when the answer came (unix s)."""

    camera: str
    at: float
    question: str = ""
    answer: str = ""
    answered_at: float = 0.0
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Said:
    """What there is to say of a camera, wherever its picture is shown."""

    answered: Answered | None
    notes: tuple[Note, ...] = ()


def caption(camera: str, at: float, said: Said) -> Caption:
    if said.answered is None:
        return Caption(camera, at, notes=said.notes)
    answered = said.answered
    return Caption(camera, at, answered.question, answered.answer, answered.at, said.notes)


# The most urgent first, each with the colours of its letters and of its box.
LEVELS: dict[Level, tuple[Colour, Colour]] = {
    "firing": (WHITE, RED),
    "trouble": (WHITE, PURPLE),
    "pending": (YELLOW, BLACK),
    "ok": (MINT, BLACK),
}
_URGENCY = list(LEVELS)


def letter_height(width: int, height: int) -> int:
    """Pixels: 10 in the smallest pictures, 15 at 360p, 22 at 720p, 30 at 1080p."""
    return 8 + max(2, min(width, height) // 49)


class Overlay:
    """Writes on the frames of one camera, which all have one size."""

    def __init__(self, width: int, height: int, fade_s: float) -> None:
        """*fade_s* is how long an answer stays; then it is gone within a second."""
        self._width, self._height, self._fade_s = width, height, fade_s
        self._letters = Lettering(letter_height(width, height))
        self._margin = self._letters.padding
        self._header = _Kept[tuple[str, str]]()
        self._said = _Kept[tuple[str, str]]()
        self._notes = _Kept[tuple[Note, ...]]()

    def draw(self, pixels: Pixels, caption: Caption, now: float) -> None:
        """Write *caption* on *pixels* in place; raise `ValueError` for those of another size."""
        if pixels.shape != (self._height, self._width, 3):
            raise ValueError(f"an overlay of {self._width}x{self._height} on {pixels.shape}")
        line = caption.camera, local_time(caption.at)
        (header,) = self._header(line, self._header_patch)
        header.draw(pixels, self._margin, self._margin)
        self._draw_notes(pixels, caption.notes, header)
        strength = min(1.0, self._fade_s + FADE_OUT_S - (now - caption.answered_at))
        if strength > 0.0 and (caption.question or caption.answer):
            for said in self._said((caption.question, caption.answer), self._said_patch):
                top = self._height - said.height - self._margin
                said.draw(pixels, self._margin, top, strength)

    def _draw_notes(self, pixels: Pixels, notes: tuple[Note, ...], header: Patch) -> None:
        patches = self._notes(notes, self._note_patches)
        widest = max((patch.width for patch in patches), default=0)
        beside = header.width + widest + 3 * self._margin <= self._width
        top = self._margin + (0 if beside else header.height + self._gap)
        for patch in patches:
            patch.draw(pixels, self._width - patch.width - self._margin, top)
            top += patch.height + self._gap

    @property
    def _gap(self) -> int:
        return max(1, self._margin // 3)

    @property
    def _room(self) -> int:
        """Pixels from the left of a text to its right."""
        return max(1, self._width - 2 * self._margin - 2 * self._letters.padding)

    @property
    def _box_height(self) -> int:
        return self._letters.box_height(1)

    def _header_patch(self, content: tuple[str, str]) -> list[Patch]:
        camera, time = content
        room = self._room - self._letters.width(f"  {time}")
        name = self._letters.cut(camera, room) if room > 0 else ""
        line = Line(f"{name}  {time}" if name else self._letters.cut(time, self._room), WHITE)
        return [self._letters.patch([line], BLACK, SHADE)]

    def _said_patch(self, content: tuple[str, str]) -> list[Patch]:
        """Question and answer share the lower half of the picture."""
        most = MOST_LINES
        while most > 1 and self._letters.box_height(2 * most) > self._height // 2:
            most -= 1
        lines = [
            Line(text, colour)
            for said, colour in zip(content, (YELLOW, WHITE), strict=True)
            for text in self._letters.wrap(said, self._room, most)
        ]
        return [self._letters.patch(lines, BLACK, SHADE)] if lines else []

    def _note_patches(self, notes: tuple[Note, ...]) -> list[Patch]:
        """The most urgent ones first, as many as the upper half has room for."""
        urgent = sorted(notes, key=lambda note: _URGENCY.index(note.level))
        fitting = self._height // 2 - self._margin - self._box_height
        most = max(1, fitting // (self._box_height + self._gap))
        if 1 < most < len(urgent):
            left_out = Note(f"+{len(urgent) - most + 1}", urgent[most - 1].level)
            urgent[most - 1] = left_out
        return [self._note_patch(note) for note in urgent[:most]]

    def _note_patch(self, note: Note) -> Patch:
        colour, box = LEVELS[note.level]
        line = Line(self._letters.cut(note.text, self._room), colour)
        return self._letters.patch([line], box, SHADE)


class _Kept(Generic[Content]):
    """The patches of the last content, made anew when another one comes."""

    def __init__(self) -> None:
        self._content: Content | None = None
        self._patches = list[Patch]()

    def __call__(self, content: Content, make: Callable[[Content], list[Patch]]) -> list[Patch]:
        if content != self._content:
            self._content, self._patches = content, make(content)
        return self._patches


def local_time(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def card(width: int, height: int, title: str, text: str) -> Pixels:
    """A picture that says why there is no other: *title*, and *text* in as many lines as fit."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = SLATE
    large = Lettering(round(letter_height(width, height) * 1.6))
    small = Lettering(letter_height(width, height))
    room = max(1, width - 4 * large.padding)
    most = max(1, (height // 2) // small.line_height)
    heading = large.patch([Line(large.cut(title, room), WHITE)], SLATE, SOLID)
    heading.draw(pixels, (width - heading.width) // 2, height // 2 - heading.height)
    for number, line in enumerate(small.wrap(text, room, most)):
        patch = small.patch([Line(line, SILVER)], SLATE, SOLID)
        patch.draw(pixels, (width - patch.width) // 2, height // 2 + number * small.line_height)
    return pixels

"""Lines of text, and the boxes they stand in. Knows nothing about cameras."""

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from bus.jpeg import Pixels

Colour = tuple[int, int, int]  # RGB

ELLIPSIS = "…"
SOLID = 255
WEIGHT = 500  # between regular and bold
_THINNEST = 5  # of the text's height: hardly a letter is as narrow as a fifth of it


@dataclass(frozen=True)
class Line:
    text: str
    colour: Colour


def clean(text: str) -> str:
    """*text* in one line: what no letter stands for is a space, and spaces come one at a time."""
    whole = unicodedata.normalize("NFC", text)
    kept = (" " if unicodedata.category(letter).startswith("C") else letter for letter in whole)
    return " ".join("".join(kept).split())


class Patch:
    """A box with its text, ready to be laid over pictures: made once, drawn often."""

    def __init__(self, colours: Pixels, opacity: Pixels) -> None:
        """*colours* is H x W x 3, *opacity* H x W with 255 for what hides the picture."""
        alpha = cv2.merge((opacity, opacity, opacity))
        self._keep = cv2.bitwise_not(alpha)
        self._add = cv2.multiply(colours, alpha, scale=1 / 255)
        self.height, self.width = opacity.shape

    def draw(self, pixels: Pixels, left: int, top: int, strength: float = 1.0) -> None:
        """Lay it over *pixels* in place; what would stand outside of them is left out."""
        place = pixels[max(0, top) :, max(0, left) :][: self.height, : self.width]
        height, width, _ = place.shape
        if not height or not width:
            return
        over = cv2.multiply(place, self._keep[:height, :width], scale=1 / 255)
        over = cv2.add(over, self._add[:height, :width])
        if strength < 1.0:
            over = cv2.addWeighted(place, 1.0 - strength, over, strength, 0.0)
        place[:] = over


class Lettering:
    """
    Text of one height, in whatever script.

    OpenCV brings its own fonts: Latin, Greek, Cyrillic, Chinese, Japanese, Korean, Arabic,
    Hebrew. What none of them has becomes a question mark.
    """

    def __init__(self, height: int) -> None:
        self.height = height
        self.line_height = round(height * 1.35)
        self.padding = max(3, round(height * 0.45))  # left and right of a text
        self._above = max(1, round(height * 0.2))  # and below
        self._font = cv2.FontFace("sans")

    def width(self, text: str) -> int:
        left, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), self._font, self.height, WEIGHT)
        return max(0, left) + width

    def wrap(self, text: str, width: int, most: int) -> list[str]:
        """*text* in at most *most* lines of *width* pixels, whole words where they fit."""
        rest, lines = clean(text), list[str]()
        while rest and len(lines) < most:
            count = self._fitting(rest, width)
            if count < len(rest):
                count = rest.rfind(" ", 1, count + 1) if " " in rest[1 : count + 1] else count
            lines.append(rest[:count].rstrip())
            rest = rest[count:].lstrip()
        if rest and lines:
            lines[-1] = self._shortened(lines[-1], width)
        return lines

    def cut(self, text: str, width: int) -> str:
        """*text* on one line of *width* pixels, if need be without its end."""
        return "".join(self.wrap(text, width, 1))

    def _fitting(self, text: str, width: int) -> int:
        """How many letters of *text* fit; one, where not even that does."""
        most = min(len(text), 1 + width * _THINNEST // self.height)
        counts = range(1, most + 1)
        return max(1, bisect_right(counts, width, key=lambda count: self.width(text[:count])))

    def _shortened(self, line: str, width: int) -> str:
        while line and self.width(line + ELLIPSIS) > width:
            line = line[:-1]
        return line.rstrip() + ELLIPSIS

    def box_height(self, lines: int) -> int:
        return lines * self.line_height + 2 * self._above

    def patch(self, lines: Sequence[Line], box: Colour, opacity: int) -> Patch:
        """*lines* below each other in a box; *opacity* of the box is 0 to 255."""
        width = max(self.width(line.text) for line in lines) + 2 * self.padding
        height = self.box_height(len(lines))
        colours, ink = np.empty((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
        colours[:] = box
        for number, line in enumerate(lines):
            base = self._above + number * self.line_height + round(self.height * 1.02)
            self._put(colours, line.text, base, line.colour)
            self._put(ink, line.text, base, (SOLID,))
        return Patch(colours, np.maximum(ink, np.uint8(opacity)))

    def _put(self, canvas: Pixels, text: str, base: int, colour: Sequence[int]) -> None:
        cv2.putText(canvas, text, (self.padding, base), colour, self._font, self.height, WEIGHT)

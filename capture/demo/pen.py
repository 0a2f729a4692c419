"""Drawing within one thing: (0, 0) is the top left of its box, (1, 1) the bottom right."""

from collections.abc import Sequence

from capture.demo.canvas import CIRCLE, Canvas, Point
from capture.demo.scene import Decoy, Rgb, Thing


class Pen:
    def __init__(self, canvas: Canvas, thing: Thing | Decoy, night: bool) -> None:
        self.canvas = canvas
        self.night = night
        self._box = thing.box
        self._flip = thing.flip
        self._width = thing.width
        self._height = self._box.bottom - self._box.top

    def at(self, u: float, v: float) -> Point:
        across = 1 - u if self._flip else u
        return self._box.left + self._width * across, self._box.top + self._height * v

    def poly(self, corners: Sequence[Point], colour: Rgb) -> None:
        self.canvas.poly([self.at(u, v) for u, v in corners], colour)

    def rect(self, left: float, top: float, right: float, bottom: float, colour: Rgb) -> None:
        self.poly(((left, top), (right, top), (right, bottom), (left, bottom)), colour)

    def ellipse(self, u: float, v: float, across: float, down: float, colour: Rgb) -> None:
        x, y = self.at(u, v)
        self.canvas.ellipse(x, y, across * self._width, down * self._height, colour)

    def line(self, start: Point, end: Point, thickness: float, colour: Rgb) -> None:
        self.canvas.line(self.at(*start), self.at(*end), thickness * self._width, colour)

    def ring(self, u: float, v: float, across: float, down: float, rim: float, colour: Rgb) -> None:
        points = [(u + across * cos, v + down * sin) for cos, sin in CIRCLE]
        for start, end in zip(points, points[1:] + points[:1], strict=True):
            self.line(start, end, rim, colour)

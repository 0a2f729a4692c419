"""Flat shapes in world coordinates, drawn smoothly on a picture of any size."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.demo.scene import HEIGHT, WIDTH, Rgb

Picture = NDArray[np.uint8]  # height, width, RGB
Point = tuple[float, float]

FRACTION_BITS = 4  # corners are placed to a sixteenth of a pixel
CIRCLE = tuple((math.cos(i * math.pi / 10), math.sin(i * math.pi / 10)) for i in range(20))


def shade(colour: Rgb, factor: float) -> Rgb:
    red, green, blue = colour
    return red * factor, green * factor, blue * factor


class Canvas:
    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        height, width = picture.shape[:2]
        self._scale = np.array((width / WIDTH, height / HEIGHT)) * (1 << FRACTION_BITS)

    def poly(self, corners: Sequence[Point], colour: Rgb) -> None:
        points = np.rint(np.asarray(corners) * self._scale).astype(np.int32)
        clipped = [min(255.0, max(0.0, value)) for value in colour]
        cv2.fillPoly(self.picture, [points], clipped, cv2.LINE_AA, FRACTION_BITS)

    def rect(self, left: float, top: float, right: float, bottom: float, colour: Rgb) -> None:
        self.poly(((left, top), (right, top), (right, bottom), (left, bottom)), colour)

    def ellipse(self, x: float, y: float, across: float, down: float, colour: Rgb) -> None:
        self.poly([(x + across * cos, y + down * sin) for cos, sin in CIRCLE], colour)

    def line(self, start: Point, end: Point, thickness: float, colour: Rgb) -> None:
        (x0, y0), (x1, y1) = start, end
        length = math.hypot(x1 - x0, y1 - y0) + 1e-6
        dx, dy = (y0 - y1) / length * thickness / 2, (x1 - x0) / length * thickness / 2
        corners = ((x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy))
        self.poly(corners, colour)

"""Pictures that carry a number, readable again after H.264, JPEG and a change of size."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # H x W x 3, RGB

BITS = 16
BACKGROUND = (150, 60, 90)


def numbered(number: int, width: int = 320, height: int = 240) -> Pixels:
    """The bits of *number* as white and black blocks, below them their opposites."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = BACKGROUND
    bits = np.array([number >> bit & 1 for bit in range(BITS)], np.uint8)
    edges = _edges(width)
    for (left, right), bit in zip(pairwise(edges), bits, strict=True):
        picture[: height // 4, left:right] = 255 * bit
        picture[height // 4 : height // 2, left:right] = 255 * (1 - bit)
    shift = 8 * number % max(1, width - 32)
    picture[height * 3 // 4 :, shift : shift + 32] = (230, 220, 40)  # something that moves
    return picture


def number_in(pixels: Pixels) -> int:
    """The number drawn by `numbered`; fail when *pixels* are anything else or half of two."""
    height, width, _ = pixels.shape
    edges = _edges(width)
    middles = [(left + right) // 2 for left, right in pairwise(edges)]
    bits = [_is_white(pixels[height // 8, middle]) for middle in middles]
    opposites = [_is_white(pixels[height * 3 // 8, middle]) for middle in middles]
    assert bits == [not opposite for opposite in opposites], "not one whole numbered picture"
    return sum(bit << place for place, bit in enumerate(bits))


def _edges(width: int) -> list[int]:
    return [width * block // BITS for block in range(BITS + 1)]


def _is_white(pixel: Pixels) -> bool:
    return int(pixel.mean()) > 127

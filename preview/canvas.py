"""A camera's picture on the canvas that never changes its size. Blocks for a millisecond or two."""

import cv2
import numpy as np

from bus.jpeg import Pixels

DIM = 0.35  # what is left of the light when a picture is not live


def letterboxed(pixels: Pixels, width: int, height: int) -> Pixels:
    """*pixels* as large as they fit, in the middle, on black."""
    given_height, given_width, _ = pixels.shape
    if (given_width, given_height) == (width, height):
        return pixels
    scale = min(width / given_width, height / given_height)
    wide, high = max(1, round(given_width * scale)), max(1, round(given_height * scale))
    left, top = (width - wide) // 2, (height - high) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[top : top + high, left : left + wide] = cv2.resize(
        pixels, (wide, high), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    return canvas


def dimmed(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=DIM), np.uint8)

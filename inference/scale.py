"""Pictures made smaller."""

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # H x W x 3, RGB


def shrunk(picture: Pixels, max_side: int) -> Pixels:
    """*picture* with a longer side of at most *max_side* pixels; never larger. 0: as it is."""
    height, width = picture.shape[:2]
    if not 0 < max_side < max(height, width):
        return picture
    share = max_side / max(height, width)
    return resized(picture, (max(1, round(width * share)), max(1, round(height * share))))


def resized(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """*picture* at *size* (width, height), whatever its shape."""
    if size == (picture.shape[1], picture.shape[0]):
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)

"""Pictures made smaller."""

import cv2
import numpy as np
from numpy.typing import NDArray

HALVED_FROM = 4  # times the size that is wanted

Pixels = NDArray[np.uint8]  # H x W x 3, RGB
Size = tuple[int, int]  # width, height


def shrunk(picture: Pixels, max_side: int) -> Pixels:
    """*picture* with a longer side of at most *max_side* pixels; never larger. 0: as it is."""
    height, width = picture.shape[:2]
    if not 0 < max_side < max(height, width):
        return picture
    share = max_side / max(height, width)
    return resized(picture, (max(1, round(width * share)), max(1, round(height * share))))


def resized(picture: Pixels, size: Size) -> Pixels:
    """*picture* at *size*, whatever its shape."""
    height, width = picture.shape[:2]
    if size == (width, height):
        return picture
    # OpenCV averages pairs several times faster than any other number of pixels; what is
    # averaged in steps differs only where the last step shares a pixel out.
    while all(
        side % 2 == 0 and side >= HALVED_FROM * wanted
        for side, wanted in zip((width, height), size, strict=True)
    ):
        width, height = width // 2, height // 2
        picture = _averaged(picture, (width, height))
    return _averaged(picture, size)


def _averaged(picture: Pixels, size: Size) -> Pixels:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)

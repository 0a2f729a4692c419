"""What of a picture a question is about: a polygon cut out, or all around it made grey. Pure."""

from collections.abc import Iterable
from math import isfinite

import cv2
import numpy as np

from bus.errors import BadJob
from bus.jpeg import Pixels

Zone = tuple[tuple[float, float], ...]  # a polygon in shares of the picture's width and height

MARGIN = 0.05  # of the zone's width and height, on each side
LEAST = 64  # pixels a side; of less a model makes nothing
GREY = 128


def crop(picture: Pixels, zone: Zone) -> Pixels:
    """The box around *zone*: a view, nothing is copied."""
    _check(zone)
    height, width = picture.shape[:2]
    return picture[_span((y for _, y in zone), height), _span((x for x, _ in zone), width)]


def mask(picture: Pixels, zone: Zone) -> Pixels:
    """A copy that is grey outside of *zone*."""
    _check(zone)
    height, width = picture.shape[:2]
    corners = np.clip(zone, 0, 1) * (width, height)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [corners.round().astype(np.int32)], (255,))
    shown = np.full_like(picture, GREY)
    cv2.copyTo(picture, inside, shown)
    return shown


def _span(shares: Iterable[float], size: int) -> slice:
    """The pixels of one side, from the least of *shares* to the greatest."""
    places = [min(1.0, max(0.0, share)) * size for share in shares]
    margin = (max(places) - min(places)) * MARGIN
    low, high = max(0.0, min(places) - margin), min(size, max(places) + margin)
    length = min(size, max(LEAST, round(high - low)))
    start = min(max(0, round((low + high - length) / 2)), size - length)
    return slice(start, start + length)


def _check(zone: Zone) -> None:
    if len(zone) < 3 or not all(isfinite(share) for point in zone for share in point):
        raise BadJob("a zone has at least three points, in shares of the width and height")

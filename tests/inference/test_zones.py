"""A zone shows what is in it, whatever polygon somebody has drawn."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bus.jpeg import Pixels
from inference.zones import GREY, LEAST, Zone, crop, mask

TRIANGLE: Zone = ((0.5, 0.0), (1.0, 1.0), (0.0, 1.0))
shares = st.floats(-2, 3)
zones = st.lists(st.tuples(shares, shares), min_size=3, max_size=8).map(tuple)


def picture(height: int = 200, width: int = 400) -> Pixels:
    """Every pixel says where it is: row in red, column in green."""
    rows, columns = np.mgrid[:height, :width]
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = rows, columns // 2
    return pixels


def test_a_crop_is_the_box_and_a_small_margin() -> None:
    zone = ((0.25, 0.3), (0.5, 0.2), (0.75, 0.8))
    seen = crop(picture(), zone)
    assert seen.shape == (132, 220, 3)
    assert tuple(seen[0, 0, :2]) == (34, 45)


def test_a_crop_copies_nothing() -> None:
    frame = picture()
    assert crop(frame, TRIANGLE).base is frame


def test_a_small_zone_is_shown_with_what_is_around_it() -> None:
    seen = crop(picture(), ((0.5, 0.5), (0.51, 0.5), (0.51, 0.51)))
    assert seen.shape == (LEAST, LEAST, 3)
    corner = crop(picture(), ((0.99, 0.99), (1.0, 0.99), (1.0, 1.0)))
    assert corner.shape == (LEAST, LEAST, 3)
    assert tuple(corner[-1, -1, :2]) == (199, 199)


def test_a_picture_smaller_than_the_least_is_shown_whole() -> None:
    assert crop(picture(20, 30), TRIANGLE).shape == (20, 30, 3)


def test_a_mask_keeps_the_inside_as_it_is_and_nothing_else() -> None:
    frame = picture()
    seen = mask(frame, TRIANGLE)
    assert seen.shape == frame.shape
    assert (seen[5, 5] == GREY).all()
    assert (seen[5, 394] == GREY).all()
    assert (seen[150, 200] == frame[150, 200]).all()
    changed = (seen != frame).any(axis=2).mean()
    assert 0.47 < changed < 0.53
    assert (frame == picture()).all()


@given(zones, st.integers(1, 300), st.integers(1, 300))
def test_any_polygon_shows_a_part_of_the_picture(zone: Zone, height: int, width: int) -> None:
    frame = np.zeros((height, width, 3), np.uint8)
    rows, columns, _ = crop(frame, zone).shape
    assert min(LEAST, height) <= rows <= height
    assert min(LEAST, width) <= columns <= width
    assert mask(frame, zone).shape == frame.shape

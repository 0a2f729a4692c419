"""From a camera's picture to the one that players see."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.overlay import Said
from preview.canvas import dimmed, letterboxed
from preview.encoder import Encoder, Film, sets_of
from preview.rtp import CLOCK, nal_units, parameter_sets
from preview.shot import Shot
from preview.studio import Studio
from tests.pictures import number_in, numbered

FILM = Film(320, 180, 15.0, 500)


@given(st.integers(16, 900), st.integers(16, 900))
@settings(deadline=None, max_examples=50)
def test_a_picture_of_any_shape_is_seen_whole_and_undistorted(width: int, height: int) -> None:
    white = np.full((height, width, 3), 255, np.uint8)
    canvas = letterboxed(white, 320, 180)
    assert canvas.shape == (180, 320, 3)
    rows, columns = np.flatnonzero(canvas[:, 160, 0]), np.flatnonzero(canvas[90, :, 0])
    assert (len(rows), len(columns)) == pytest.approx(
        (min(180, 320 * height / width), min(320, 180 * width / height)), abs=1.01
    )
    assert abs(rows[0] - (179 - rows[-1])) <= 1
    assert abs(columns[0] - (319 - columns[-1])) <= 1


def test_a_small_picture_is_enlarged_and_a_dimmed_one_still_seen() -> None:
    canvas = letterboxed(numbered(1234, 160, 120), 1280, 720)
    assert number_in(canvas[:, 160:1120]) == 1234
    assert 60 < dimmed(canvas).max() < 120


def test_all_streams_have_the_parameter_sets_that_are_announced() -> None:
    streams = [Encoder(FILM).encode(numbered(n, 320, 180), 10**9 * n, key=True) for n in (1, 2)]
    assert [parameter_sets(nal_units(stream)) for stream in streams] == [sets_of(FILM)] * 2


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), min_size=2, max_size=40))
@settings(deadline=None, max_examples=15)
def test_time_goes_forward_and_key_frames_come_often_but_not_too_often(
    moments: list[tuple[float, bool]],
) -> None:
    studio, units = Studio(FILM, 20.0), []
    for mono, key_wanted in moments:
        shot = Shot("front", numbered(1, 320, 240), 1.7e9 + mono, mono)
        units.append((studio.encode(shot, Said(None), key_wanted, 1.7e9 + mono), key_wanted))
    ticks = [unit.tick for unit, _ in units]
    assert all(a < b for a, b in pairwise(ticks))
    assert units[0][0].key
    last = ticks[0]
    for unit, key_wanted in units[1:]:
        since_s = (unit.tick - last) / CLOCK
        assert unit.key == (since_s >= (0.5 if key_wanted else 2.0))
        last = unit.tick if unit.key else last


def test_a_camera_without_a_picture_shows_a_card_and_no_other_cameras_picture() -> None:
    studio, sizes = Studio(FILM, 20.0), list[int]()
    noise = np.random.default_rng(1).integers(0, 255, (180, 320, 3), np.uint8)
    for camera, pixels in (("front", noise), ("back", None), ("front", None)):
        shot = Shot(camera, pixels, 1.7e9, len(sizes) * 3.0, "" if pixels is not None else "down")
        unit = studio.encode(shot, Said(None), True, 1.7e9)
        assert unit.key
        sizes.append(unit.size)
    assert max(sizes[1:]) < sizes[0] / 3  # noise, had it stayed, would cost as much again

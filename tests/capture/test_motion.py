"""The motion score follows what happens in the picture and not its noise or its light."""

import numpy as np
import pytest
from numpy.typing import NDArray

from capture.motion import Motion

Pixels = NDArray[np.uint8]


def picture(value: int = 90) -> Pixels:
    return np.full((360, 640, 3), value, np.uint8)


def test_nothing_moves_in_a_picture_that_stays() -> None:
    motion = Motion()
    assert [motion.score(picture(), at) for at in (0.0, 0.1, 0.2)] == [0, 0, 0]


def test_the_noise_of_a_sensor_is_no_motion() -> None:
    motion, dice = Motion(), np.random.default_rng(1)
    noisy = [picture() + dice.integers(0, 25, (360, 640, 3), np.uint8) for _ in range(20)]
    assert max(motion.score(pixels, 0.1 * number) for number, pixels in enumerate(noisy)) < 0.001


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5])
def test_the_score_is_the_share_of_the_picture_that_changed(share: float) -> None:
    motion, changed = Motion(), picture()
    changed[:, : int(640 * share)] = 200
    motion.score(picture(), 0)
    assert motion.score(changed, 0.1) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("colour", [(200, 90, 90), (90, 200, 90), (90, 90, 200)])
def test_what_differs_in_one_colour_only_has_changed(colour: tuple[int, int, int]) -> None:
    motion, coat = Motion(), picture()
    coat[100:200, 100:300] = colour
    motion.score(picture(), 0)
    assert motion.score(coat, 0.1) > 0.05


def test_what_stays_becomes_background_and_what_comes_back_is_seen_again() -> None:
    motion, parked = Motion(), picture()
    parked[100:200, 100:300] = 200
    motion.score(picture(), 0)
    scores = [motion.score(parked, number / 15) for number in range(1, 15 * 20)]
    assert scores[0] > 0.05
    assert scores[14] > 0.05  # a second later it is still news
    assert scores[-1] == 0
    assert motion.score(picture(), 20.1) > 0.05


def test_light_switched_on_is_one_event_and_not_a_long_one() -> None:
    motion = Motion()
    motion.score(picture(20), 0)
    assert motion.score(picture(180), 0.1) > 0.9
    assert motion.score(picture(180), 0.2) == 0


def test_another_size_begins_again() -> None:
    motion = Motion()
    motion.score(picture(), 0)
    assert motion.score(np.zeros((3, 5, 3), np.uint8), 0.1) == 0

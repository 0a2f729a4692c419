"""Pictures made smaller in steps are those made smaller at once, as far as a model can tell."""

import cv2
import numpy as np
import pytest

from capture.demo.render import Renderer
from capture.demo.script import scene_at
from inference.scale import resized


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (1920, 1080), (1366, 768), (3840, 2160)])
def test_a_frame_made_smaller_in_steps_is_the_same(size: tuple[int, int]) -> None:
    frame = Renderer(*size).render(scene_at(20), 1)
    at_once = cv2.resize(frame, (192, 96), interpolation=cv2.INTER_AREA)
    difference = np.abs(resized(frame, (192, 96)).astype(int) - at_once)
    assert difference.mean() < 0.5
    assert np.percentile(difference, 99.9) <= 12


@pytest.mark.parametrize("shape", [(1, 1), (3, 5000), (5000, 3), (97, 193), (4096, 4096)])
def test_any_shape_becomes_the_size_that_is_wanted(shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), 77, np.uint8)
    smaller = resized(picture, (192, 96))
    assert smaller.shape == (96, 192, 3)
    assert (smaller == 77).all()


def test_a_picture_of_that_size_is_left_alone() -> None:
    picture = np.zeros((96, 192, 3), np.uint8)
    assert resized(picture, (192, 96)) is picture

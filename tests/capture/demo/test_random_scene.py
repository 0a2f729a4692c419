"""Scenes drawn by lot keep to what the demo model is told about the world."""

from itertools import combinations

import numpy as np
import pytest

from capture.demo.dice import Dice
from capture.demo.random_scene import (
    MOST_OVERLAP,
    WIDTHS,
    ZONES,
    random_jpeg_quality,
    random_scene,
)
from capture.demo.render import Renderer
from capture.demo.scene import KINDS, WIDTH, overlap
from capture.demo.truth import place_of
from capture.demo.weather import compressed


def test_the_same_dice_give_the_same_scenes() -> None:
    assert [random_scene(Dice(5)) for _ in range(3)] == [random_scene(Dice(5)) for _ in range(3)]
    assert random_scene(Dice(5)) != random_scene(Dice(6))


def test_scenes_vary_in_kind_colour_place_number_and_light() -> None:
    dice = Dice(1)
    scenes = [random_scene(dice) for _ in range(300)]
    things = [thing for scene in scenes for thing in scene.things]
    assert {thing.kind for thing in things} == set(KINDS)
    assert {len(scene.things) for scene in scenes} == {0, 1, 2, 3, 4}
    assert {place_of(thing) for thing in things} == {"left", "middle", "right"}
    assert len({thing.colour for thing in things}) == 7
    assert 0.3 < sum(scene.backdrop.lighting.night for scene in scenes) / 300 < 0.55


def test_things_keep_to_their_sizes_and_places_and_out_of_each_others_way() -> None:
    dice = Dice(2)
    for _ in range(200):
        things = random_scene(dice, 4).things
        for thing in things:
            narrowest, widest = WIDTHS[thing.kind]
            assert narrowest <= thing.width <= widest
            assert any(left <= thing.x / WIDTH <= right for left, right in ZONES)
        for one, other in combinations(things, 2):
            assert overlap(one, other) <= MOST_OVERLAP


@pytest.mark.parametrize("night", [False, True])
def test_number_and_light_can_be_asked_for(night: bool) -> None:
    scene = random_scene(Dice(3), count=0, night=night)
    assert scene.backdrop.lighting.night is night
    assert scene.things == ()


def test_jpeg_changes_a_picture_little_and_not_its_shape() -> None:
    dice = Dice(4)
    picture = Renderer(640, 360).render(random_scene(dice, 3, night=False))
    assert {random_jpeg_quality(dice) for _ in range(100)} == {None, 30, 50, 75, 90}
    assert compressed(picture, None) is picture
    received = compressed(picture, 90)
    assert received.shape == picture.shape
    assert np.abs(received.astype(int) - picture).mean() < 5

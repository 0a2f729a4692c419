"""The demo world in every light and weather, with things half hidden and decoys among them."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from capture.demo.dice import Dice
from capture.demo.random_world import CONDITIONS, SEEN, Condition, random_world
from capture.demo.render import Renderer
from capture.demo.scene import CLEAR, DECOYS, Conditions, Decoy, DecoyKind, Glare, Scene
from capture.demo.story import DAY, DUSK, NIGHT
from capture.demo.truth import visible_share
from capture.demo.weather import weathered

SIZE = 320, 180


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(*SIZE)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_same_dice_give_the_same_world(condition: Condition) -> None:
    assert random_world(Dice(5), condition) == random_world(Dice(5), condition)


@pytest.mark.parametrize("condition", [None, *CONDITIONS])
def test_of_everything_that_counts_enough_is_seen(condition: Condition | None) -> None:
    dice = Dice(6)
    for _ in range(150):
        scene = random_world(dice, condition)
        assert all(visible_share(thing, scene.standing) >= SEEN for thing in scene.things)


def test_a_condition_that_is_asked_for_is_there_and_no_other() -> None:
    dice = Dice(7)
    for _ in range(40):
        assert random_world(dice, "rain").conditions.rain
        assert random_world(dice, "fog").conditions.fog
        assert random_world(dice, "glare").conditions.glare
        assert random_world(dice, "shake").conditions.shake
        assert random_world(dice, "noise").noise >= 12
        assert random_world(dice, "dusk").backdrop.lighting.name == "dusk"
        clear = random_world(dice, "clear")
        assert clear.backdrop.lighting.name == "day" and not clear.decoys
        assert replace(clear.conditions, jpeg=None) == CLEAR


def test_without_being_asked_every_light_weather_and_decoy_comes() -> None:
    dice = Dice(8)
    scenes = [random_world(dice) for _ in range(400)]
    assert {scene.backdrop.lighting.name for scene in scenes} == {"day", "dusk", "night"}
    assert {decoy.kind for scene in scenes for decoy in scene.decoys} == set(DECOYS)
    kinds = Counter(thing.kind for scene in scenes for thing in scene.things)
    assert len(kinds) == 7 and min(kinds.values()) > 60
    assert any(scene.conditions.rain for scene in scenes)
    assert any(scene.conditions.fog for scene in scenes)
    assert any(scene.backdrop.lighting.sun for scene in scenes)


def test_clear_air_costs_nothing(renderer: Renderer) -> None:
    picture = renderer.render(Scene(DAY))
    assert weathered(picture, CLEAR, night=False, shot=1) is picture


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(rain=0.8),
        Conditions(fog=0.7),
        Conditions(glare=Glare(640, 100, 250, 1)),
        Conditions(shake=8),
        Conditions(brightness=0.7),
        Conditions(jpeg=20),
    ],
    ids=str,
)
def test_each_condition_changes_the_picture_and_is_the_same_for_a_shot(
    renderer: Renderer, conditions: Conditions
) -> None:
    clear = renderer.render(Scene(DAY))
    scene = Scene(DAY, conditions=conditions)
    picture = renderer.render(scene, 3)
    assert picture.shape == clear.shape and picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - clear).mean() > 0.5
    assert np.array_equal(picture, renderer.render(scene, 3))


def test_rain_falls_and_a_shaking_camera_moves_between_two_shots(renderer: Renderer) -> None:
    for conditions in (Conditions(rain=0.8), Conditions(shake=8)):
        scene = Scene(DAY, conditions=conditions)
        assert not np.array_equal(renderer.render(scene, 1), renderer.render(scene, 2))


def test_fog_hides_what_is_far_more_than_what_is_near(renderer: Renderer) -> None:
    scene = Scene(NIGHT)
    clear = renderer.render(scene).astype(int)
    foggy = renderer.render(replace(scene, conditions=Conditions(fog=0.9))).astype(int)
    changed = np.abs(foggy - clear).mean(axis=(1, 2))
    assert changed[60:90].mean() > 1.5 * changed[-30:].mean()


@pytest.mark.parametrize("kind", DECOYS)
def test_a_decoy_is_drawn_and_leaves_no_paint_behind(renderer: Renderer, kind: DecoyKind) -> None:
    empty = renderer.render(Scene(DUSK))
    decoy = Decoy(kind, 640, 650, 160, (150, 150, 146))
    assert not np.array_equal(renderer.render(Scene(DUSK, decoys=(decoy,))), empty)
    assert np.array_equal(renderer.render(Scene(DUSK)), empty)

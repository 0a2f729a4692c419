"""Pictures of the demo camera: where things are drawn, in which light, with which noise."""

from dataclasses import replace

import numpy as np
import pytest

from capture.demo.canvas import Picture
from capture.demo.render import KEPT_STAGES, Renderer, painted_area
from capture.demo.scene import KINDS, PAINTS, Backdrop, Kind, Scene, Thing
from capture.demo.script import scene_at, steady_spans
from capture.demo.story import DAY, DUSK, NIGHT, YARD

MOMENTS = [span.starts for span in steady_spans()]


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer()


def quiet(t_s: float) -> Scene:
    return replace(scene_at(t_s), noise=0)


def changed(before: Picture, after: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray((before != after).any(axis=2))


def test_a_frame_is_rgb_of_the_size_that_was_asked_for() -> None:
    for width, height in ((1280, 720), (640, 360), (256, 256)):
        picture = Renderer(width, height).render(scene_at(12))
        assert picture.shape == (height, width, 3)
        assert picture.dtype == np.uint8


def test_the_sky_is_blue_in_rgb_and_the_truck_too(renderer: Renderer) -> None:
    picture = renderer.render(quiet(12))
    for x, y in ((1180, 20), (1100, 400)):
        red, _, blue = picture[y, x].astype(int)
        assert blue > red + 50


@pytest.mark.parametrize("t_s", MOMENTS)
def test_things_are_drawn_where_the_scene_says_and_nowhere_else(
    renderer: Renderer, t_s: float
) -> None:
    scene = quiet(t_s)
    empty = renderer.render(replace(scene, things=()))
    difference = changed(empty, renderer.render(scene))
    for thing in scene.things:
        inside = difference[round(thing.box.top) :, round(thing.box.left) :]
        height = round(thing.box.bottom - thing.box.top)
        assert inside[:height, : round(thing.width)].mean() > 0.25
    for thing in scene.things:
        difference[painted_area(thing, empty)] = False
    assert not difference.any()


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_leaves_paint_behind_whatever_its_step(renderer: Renderer, kind: Kind) -> None:
    scene = Scene(DAY)
    empty = renderer.render(scene)
    for phase in (0.0, 0.25, 0.5, 0.75):
        thing = Thing(kind, 640, 650, 150, PAINTS["red"], phase=phase)
        assert changed(empty, renderer.render(replace(scene, things=(thing,)))).any()
        assert np.array_equal(renderer.render(scene), empty)
    assert np.array_equal(Renderer().render(scene), empty)


def test_what_is_out_of_view_changes_nothing(renderer: Renderer) -> None:
    scene = Scene(NIGHT)
    away = tuple(Thing("car", x, 600, 300, PAINTS["red"]) for x in (-400.0, 1700.0))
    assert np.array_equal(renderer.render(replace(scene, things=away)), renderer.render(scene))


def test_shots_differ_by_their_noise_alone(renderer: Renderer) -> None:
    scene = replace(scene_at(7), noise=4)
    clean = renderer.render(quiet(7)).astype(int)
    one, other = renderer.render(scene, 1), renderer.render(scene, 2)
    assert np.array_equal(one, renderer.render(scene, 1))
    assert not np.array_equal(one, other)
    noise = one - clean
    assert abs(noise.mean()) < 0.1
    assert 3.5 < noise.std() < 4.5


def test_dusk_is_darker_than_day_and_night_darker_still(renderer: Renderer) -> None:
    day, dusk, night = (renderer.render(Scene(light)).mean() for light in (DAY, DUSK, NIGHT))
    assert day > 1.2 * dusk > 1.2 * 1.2 * night


def test_a_change_of_light_moves_nothing(renderer: Renderer) -> None:
    """The trunk of a tree stands out from the lawn in the same columns by day and by night."""

    def edges(light: Backdrop) -> list[int]:
        row = renderer.render(Scene(light))[300, 860:1120].astype(int)
        return [int(x) for x in np.flatnonzero(np.abs(np.diff(row, axis=0)).max(axis=1) > 12)]

    assert edges(DAY)
    assert edges(DAY) == edges(NIGHT)


def test_light_fades_from_one_to_the_other(renderer: Renderer) -> None:
    scene = Scene(DAY, fades_to=NIGHT, faded=0.5)
    middle = renderer.render(scene).astype(float)
    ends = renderer.render(Scene(DAY)).astype(float) + renderer.render(Scene(NIGHT))
    assert np.abs(middle - ends / 2).max() <= 1


def test_many_yards_do_not_fill_the_memory() -> None:
    renderer = Renderer(64, 36)
    first = renderer.render(Scene(DAY))
    for seed in range(KEPT_STAGES + 3):
        renderer.render(Scene(replace(DAY, seed=YARD + 1 + seed)))
    assert len(renderer._stages) == KEPT_STAGES
    assert np.array_equal(renderer.render(Scene(DAY)), first)

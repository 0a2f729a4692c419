"""The demo camera can be checked: a frame's number tells what is to be seen on it."""

from time import sleep

import numpy as np
import pytest

from capture.demo.render import Renderer
from capture.demo.script import scene_at
from capture.source import open_source
from capture.sources.demo import film_of
from tests.capture.reading import TERMS, read


def test_the_nth_picture_shows_the_nth_moment() -> None:
    got = read("demo:?fps=20&size=320x180&speed=40", 10)
    renderer = Renderer(320, 180)
    for number, one in enumerate(got.seen, 1):
        expected = renderer.render(scene_at(number / 20 * 40), number)
        assert np.array_equal(one.pixels, expected)
    assert got.live


def test_a_picture_nobody_asks_for_is_not_drawn_and_takes_no_number() -> None:
    renderer, drawn = Renderer(320, 180), 0
    with open_source("demo:?fps=30&size=320x180", TERMS) as source:
        for number, shot in zip(range(12), source.frames(lambda: True), strict=False):
            if number % 3:
                continue
            drawn += 1
            assert shot.pixels
            assert np.array_equal(shot.pixels(), renderer.render(scene_at(drawn / 30), drawn))
            sleep(0.1)  # late for the next, which is not skipped either
    assert drawn == 4


def test_it_keeps_the_pace_it_is_asked_for() -> None:
    got = read("demo:?fps=20&size=320x180", 14)
    stamps = [one.stamped for one in got.seen[4:]]
    assert np.diff(stamps).mean() == pytest.approx(1 / 20, rel=0.1)
    assert got.seen[0].pixels.shape == (180, 320, 3)


@pytest.mark.parametrize("query", ["fps=fast", "fps=0", "size=big", "size=9x9", "colour=red"])
def test_a_query_it_does_not_know_is_refused(query: str) -> None:
    assert "demo" in read(f"demo:?{query}").error


def test_bad_weather_changes_what_is_seen_and_not_what_is_true() -> None:
    clear, rainy = (film_of(f"demo:?size=320x180{more}") for more in ("", "&weather=rain,decoys"))
    before, after = clear.scene(150), rainy.scene(150)
    assert before == scene_at(10)
    assert after.things == before.things
    assert after.decoys and after.conditions.rain
    one, other = (Renderer(320, 180).render(scene) for scene in (before, after))
    assert not np.array_equal(one, other)


def test_weather_that_the_demo_does_not_have_is_refused_by_name() -> None:
    error = read("demo:?weather=rain,snow").error
    assert "snow" in error and "fog" in error

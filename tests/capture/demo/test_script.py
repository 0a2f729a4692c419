"""The story of the demo camera, and what it says is true of itself."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.demo.random_scene import MOST_OVERLAP, ZONES
from capture.demo.scene import KINDS, WIDTH, overlap
from capture.demo.script import PERIOD_S, scene_at, steady_spans, truth_at
from capture.demo.story import Span
from capture.demo.truth import Seen, Truth

SPANS = steady_spans()
# Binary fractions, so that adding a period rounds nothing.
moments = st.integers(0, int(PERIOD_S) * 64 - 1).map(lambda ticks: ticks / 64)


@given(moments, st.integers(1, 1000))
def test_the_story_repeats_exactly(t_s: float, periods: int) -> None:
    later = t_s + periods * PERIOD_S
    assert scene_at(later) == scene_at(t_s)
    assert truth_at(later) == truth_at(t_s)


def test_it_begins_with_three_seconds_of_an_empty_yard_by_day() -> None:
    assert truth_at(0) == truth_at(2.99) == Truth((), "day", steady=True)
    assert not scene_at(2.99).things


def test_a_person_stands_there_after_five_seconds_and_a_truck_soon_after() -> None:
    person = Seen("person", "red", "left")
    assert truth_at(5) == Truth((person,), "day", steady=True)
    assert truth_at(11) == Truth((person, Seen("truck", "blue", "right")), "day", steady=True)


def test_every_kind_and_every_light_is_steadily_seen() -> None:
    truths = [truth_at(span.starts) for span in SPANS]
    assert {seen.kind for truth in truths for seen in truth.seen} == set(KINDS)
    assert {truth.light for truth in truths} == {"day", "dusk", "night"}


def test_half_of_the_time_and_seconds_on_end_nothing_changes() -> None:
    lengths = [span.ends - span.starts for span in SPANS]
    assert sum(lengths) >= PERIOD_S / 2
    assert min(lengths[:-1]) >= 3  # the last goes on in the first of the next period


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_nothing_moves_in_a_steady_span(span: Span) -> None:
    def places(t_s: float) -> list[tuple[str, float, float]]:
        return [(thing.kind, thing.x, thing.width) for thing in scene_at(t_s).things]

    first, last = span.starts, span.ends - 0.01
    assert places(first) == places(last)
    assert scene_at(first).backdrop == scene_at(last).backdrop
    assert scene_at(first).fades_to is scene_at(last).fades_to is None


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_what_stands_there_is_all_in_view_and_clearly_placed(span: Span) -> None:
    scene, truth = scene_at(span.starts), truth_at(span.starts)
    assert len(truth.seen) == len(scene.things)
    for one, other in combinations(scene.things, 2):
        assert overlap(one, other) <= MOST_OVERLAP
    for thing in scene.things:
        assert any(left <= thing.x / WIDTH <= right for left, right in ZONES)


@given(moments)
def test_what_is_partly_out_of_view_is_not_counted(t_s: float) -> None:
    scene, truth = scene_at(t_s), truth_at(t_s)
    whole = [t for t in scene.things if t.box.left >= 0 and t.box.right <= WIDTH]
    assert len(truth.seen) <= len(whole)
    assert not truth.steady or len(truth.seen) == len(scene.things)


def test_the_box_is_not_seen_while_the_truck_hides_it() -> None:
    assert "box" in {thing.kind for thing in scene_at(15).things}
    assert not truth_at(15).has("box")
    assert truth_at(17).has("box")


def test_the_truth_answers_as_a_person_would() -> None:
    seen = Seen("person", "blue", "middle"), Seen("person", "green", "right")
    truth = Truth((*seen, Seen("bicycle", "red", "left")), "night", steady=True)
    assert truth.night
    assert truth.count("person") == 2
    assert truth.has("bicycle") and not truth.has("fire")
    assert truth.colour_of("bicycle") == "red"
    assert truth.where("bicycle") == "left"
    assert truth.where("person") is None and truth.colour_of("person") is None
    assert truth.where("car") is None

"""When a camera counts as live, stale or lost, and how soon it is tried again."""

from itertools import pairwise
from random import Random

import pytest

from capture.feed import Pacer
from capture.health import Opening, backoff_s, judge
from capture.source import Terms

TERMS = Terms(open_s=5, stall_s=10)


@pytest.mark.parametrize(
    ("camera", "now", "state", "error"),
    [
        (Opening(0), 5.9, "connecting", ""),
        (Opening(0), 6.0, "down", "gave no answer within 5 s"),
        (Opening(0, opened=4), 14.9, "connecting", ""),
        (Opening(0, opened=4), 15.1, "down", "was opened, but gave no picture within 10 s"),
        (Opening(0, 1, last_frame=20, interval_s=0.07), 22.9, "live", ""),
        (Opening(0, 1, last_frame=20, interval_s=0.07), 23.1, "stale", "no frame for 3 s"),
        (Opening(0, 1, last_frame=20, interval_s=0.07), 30.1, "down", "gave no frame for 10 s"),
        (Opening(0, 1, last_frame=20, interval_s=4), 31.9, "live", ""),
        (Opening(0, 1, last_frame=20, interval_s=4), 32.1, "stale", "no frame for 12 s"),
        (Opening(0, 1, last_frame=20, interval_s=4), 40.1, "down", "gave no frame for 20 s"),
    ],
)
def test_a_camera_is_judged_by_the_age_of_its_frames(
    camera: Opening, now: float, state: str, error: str
) -> None:
    verdict = judge(camera, now, TERMS)
    assert (verdict.state, verdict.error) == (state, error)


@pytest.mark.parametrize(
    "camera", [Opening(0), Opening(0, opened=1), Opening(0, 1, last_frame=2, interval_s=0.1)]
)
def test_a_verdict_says_how_long_it_holds(camera: Opening) -> None:
    now, states = 2.0, []
    while (verdict := judge(camera, now, TERMS)).state != "down":
        assert judge(camera, now + verdict.holds_s - 0.01, TERMS).state == verdict.state
        states.append(verdict.state)
        now += verdict.holds_s + 0.001
    assert len(states) == len(set(states))


def test_only_frames_count_as_life() -> None:
    assert Opening(0).lived_s == 0
    assert Opening(0, opened=9).lived_s < 0  # nine seconds of silence, and nothing since
    assert Opening(0, opened=9, last_frame=20).lived_s == 11


def test_failures_are_answered_with_patience_that_grows_to_half_a_minute() -> None:
    dice = Random(1)
    waits = [[backoff_s(failures, dice) for _ in range(100)] for failures in range(12)]
    assert all(1 <= wait_s <= 30 for row in waits for wait_s in row)
    assert max(waits[1]) < 2.1
    assert min(waits[11]) > 14
    assert len(set(waits[11])) == 100  # many cameras behind one switch do not come back as one


@pytest.mark.parametrize(
    ("camera_fps", "cap", "published"), [(15, 15, 15), (30, 15, 15), (25, 15, 15), (10, 15, 10)]
)
def test_frames_are_published_evenly_up_to_the_cap(
    camera_fps: int, cap: int, published: int
) -> None:
    pacer, dice = Pacer(cap), Random(1)
    jittered = [number + dice.uniform(-0.2, 0.2) for number in range(10 * camera_fps)]
    times = [100 + number / camera_fps for number in jittered]
    chosen = [at for at in times if pacer.due(at)]
    assert len(chosen) == pytest.approx(10 * published, rel=0.02)
    assert max(b - a for a, b in pairwise(chosen)) < 2.2 / published


def test_a_pause_is_not_made_up_for() -> None:
    pacer = Pacer(10)
    assert pacer.due(0)
    assert [pacer.due(60 + step / 100) for step in range(10)].count(True) <= 2

"""When a rule looks again, and what the gate spares it."""

import msgspec

from alerts.pace import Pace
from bus.rules import Rule


def rule(**fields: object) -> Rule:
    return msgspec.convert({"question": "?", "every_s": 1.0, "refresh_s": 10.0, **fields}, Rule)


def looks(
    rule: Rule, motions: dict[float, float], *, until: float, waiting: bool = False
) -> list[float]:
    """At which tenths of seconds it is judged, given the motion at some of them."""
    pace, judged = Pace(), []
    for tenth in range(round(until * 10)):
        now = tenth / 10
        motion = motions.get(now, 0.0)
        if pace.see(rule, motion, now, waiting):
            pace.judged(rule, motion, now)
            judged.append(now)
    return judged


def test_the_first_frame_is_judged() -> None:
    assert looks(rule(), {}, until=1) == [0.0]


def test_without_motion_only_the_refresh_judges() -> None:
    assert looks(rule(), {}, until=25) == [0.0, 10.0, 20.0]


def test_without_a_gate_it_keeps_its_pace() -> None:
    assert looks(rule(gate="none"), {}, until=3.5) == [0.0, 1.0, 2.0, 3.0]


def test_motion_after_a_rest_is_judged_at_once_and_once_more_after_it() -> None:
    assert looks(rule(), {5.3: 0.02}, until=9) == [0.0, 5.3, 6.3]


def test_motion_between_two_looks_is_not_missed() -> None:
    assert looks(rule(), {0.4: 0.02}, until=5) == [0.0, 1.0]


def test_another_scene_is_judged_before_its_time() -> None:
    assert looks(rule(), {0.5: 0.9}, until=0.9) == [0.0, 0.5]


def test_what_must_hold_is_watched_although_nothing_moves() -> None:
    assert looks(rule(), {}, until=3.5, waiting=True) == [0.0, 1.0, 2.0, 3.0]


def test_the_real_interval_and_what_was_spared_are_told() -> None:
    pace, one = Pace(), rule(gate="none")
    for now in (0.0, 2.0, 4.0):
        assert pace.see(one, 0.0, now, False)
        pace.judged(one, 0.0, now)
    assert pace.every_s == 2.0
    gated = Pace()
    for now in range(10):
        if gated.see(rule(), 0.0, float(now), False):
            gated.judged(rule(), 0.0, float(now))
    assert gated.skipped == 9

"""One alert for one event: it fires when it should, resolves once, and survives a restart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, pairwise

import hypothesis.strategies as st
import msgspec
from hypothesis import given

from alerts.trigger import Change, Limits, State, step, stop
from bus.rules import Rule


@dataclass(frozen=True)
class Terms:
    on: float = 0.6
    off: float = 0.4
    for_s: float = 0.0
    clear_s: float = 0.0
    cooldown_s: float = 0.0


# What happens, and so many seconds after what happened before: an answer (P(yes), None is
# unsure), or "stop". All seconds are eighths, so that sums of them are exact.
Happening = tuple[float, float | str | None]
Told = list[tuple[str, str, float]]  # fired or resolved, alert id, at


def changes(
    limits: Limits, happenings: Sequence[Happening], restarts: bool = False, start: float = 1000.0
) -> list[Change]:
    state, at, numbers, found = State(), start, count(1), list[Change]()
    for dt, what in happenings:
        at += dt
        if isinstance(what, str):
            state, change = stop(state, at)
        else:
            state, change = step(limits, state, what, at, lambda: f"a{next(numbers)}")
        if restarts:
            state = msgspec.json.decode(msgspec.json.encode(state), type=State)
        found += [change] if change else []
    return found


def told(limits: Limits, *answers: tuple[float, float | str | None]) -> Told:
    """What is told of answers at times, which here count from 0."""
    times = [0.0, *(at for at, _ in answers)]
    steps = [(at - before, what) for (at, what), before in zip(answers, times, strict=False)]
    return [(c.type, c.alert, c.at) for c in changes(limits, steps, start=0.0)]


def test_an_alert_has_one_id_from_fired_to_resolved() -> None:
    assert told(Terms(), (1, 0.9), (2, 0.9), (3, 0.1), (4, 0.1), (5, 0.7), (6, 0.2)) == [
        ("fired", "a1", 1),
        ("resolved", "a1", 3),
        ("fired", "a2", 5),
        ("resolved", "a2", 6),
    ]


def test_the_thresholds_belong_to_fired_and_to_firing() -> None:
    assert told(Terms(), (1, 0.599), (2, 0.6), (3, 0.4), (4, 0.399)) == [
        ("fired", "a1", 2),
        ("resolved", "a1", 4),
    ]


def test_between_the_thresholds_nothing_begins_and_nothing_ends() -> None:
    assert told(Terms(), (1, 0.5), (2, 0.59)) == []
    assert told(Terms(), (1, 0.9), (2, 0.5), (3, 0.41)) == [("fired", "a1", 1)]


def test_it_fires_when_it_has_held_for_so_long() -> None:
    limits = Terms(for_s=10)
    assert told(limits, (0, 0.9), (9.875, 0.9), (10, 0.9)) == [("fired", "a1", 10)]
    assert told(limits, (0, 0.9), (5, 0.5), (10, 0.9), (19, 0.9), (20, 0.6)) == [
        ("fired", "a1", 20)
    ]


def test_it_resolves_when_it_has_been_over_for_so_long() -> None:
    limits = Terms(clear_s=10)
    once = (0, 0.9), (5, 0.1), (14, 0.1), (14.5, 0.4), (20, 0.1), (29.875, 0.3), (30, 0.1)
    assert told(limits, *once) == [("fired", "a1", 0), ("resolved", "a1", 30)]


def test_an_unsure_answer_neither_confirms_nor_breaks() -> None:
    limits = Terms(for_s=10, clear_s=10)
    assert told(limits, (0, 0.9), (5, None), (10, None), (12, 0.9)) == [("fired", "a1", 12)]
    over = (0, 0.9), (10, 0.9), (20, 0.1), (25, None), (30, None), (31, 0.1)
    assert told(limits, *over) == [("fired", "a1", 10), ("resolved", "a1", 31)]
    assert told(Terms(), (0, float("nan"))) == []


def test_the_cooldown_is_from_one_fired_to_the_next() -> None:
    limits = Terms(cooldown_s=60)
    again = (0, 0.9), (1, 0.1), (2, 0.9), (30, 0.1), (59.875, 0.9), (60, 0.9)
    assert told(limits, *again) == [("fired", "a1", 0), ("resolved", "a1", 1), ("fired", "a2", 60)]


def test_what_is_over_when_the_cooldown_ends_is_not_told() -> None:
    over = (0, 0.9), (1, 0.1), (2, 0.9), (50, 0.1), (61, 0.1)
    assert told(Terms(cooldown_s=60), *over) == [("fired", "a1", 0), ("resolved", "a1", 1)]


def test_holding_counts_during_the_cooldown() -> None:
    limits = Terms(for_s=10, cooldown_s=60)
    steps = (0, 0.9), (10, 0.9), (20, 0.1), (55, 0.9), (69, 0.9), (70, 0.9)
    assert [what[2] for what in told(limits, *steps) if what[0] == "fired"] == [10, 70]


def test_a_change_says_since_when_and_how_long() -> None:
    fired, resolved = changes(Terms(for_s=4, clear_s=2), [(0, 0.9), (5, 0.9), (3, 0), (2, 0)])
    assert fired == Change("fired", "a1", 1005, 1000, 5)
    assert resolved == Change("resolved", "a1", 1010, 1000, 10)


def test_a_stopped_rule_resolves_its_alert_and_says_why() -> None:
    (fired, resolved) = changes(Terms(), [(0, 0.9), (5, "stop"), (1, "stop"), (1, 0.1)])
    assert resolved == Change("resolved", fired.alert, 1005, 1000, 5, "disabled")


def test_a_stopped_rule_begins_to_hold_anew_and_keeps_its_cooldown() -> None:
    assert told(Terms(for_s=5), (0, 0.9), (4, "stop"), (5, 0.9), (10, 0.9)) == [("fired", "a1", 10)]
    steps = (0, 0.9), (1, "stop"), (2, 0.9), (59, 0.9), (60, 0.9)
    assert told(Terms(cooldown_s=60), *steps)[2:] == [("fired", "a2", 60)]


def test_a_rule_that_is_quiet_can_be_stopped_again_and_again() -> None:
    state = State(fired_at=5.0, judged_at=7.0)
    assert stop(state, 6.0) == (state, None)


def test_a_camera_that_was_away_goes_on_from_where_it_was() -> None:
    hours_later = (0, 0.9), (9000, None), (9001, 0.9), (9002, 0.1)
    assert told(Terms(), *hours_later) == [("fired", "a1", 0), ("resolved", "a1", 9002)]


def test_an_id_is_made_for_an_alert_that_fires_and_for_nothing_else() -> None:
    made = list[str]()

    def make_id() -> str:
        made.append(f"a{len(made)}")
        return made[-1]

    state = State()
    for at, score in enumerate([0.1, None, 0.9, 0.9, 0.1, 0.9]):
        state, _ = step(Terms(cooldown_s=60), state, score, float(at), make_id)
    assert made == ["a0"]


def test_a_clock_set_back_neither_delays_an_alert_nor_hurries_it() -> None:
    steps = (0, 0.9), (8, 0.9), (-3600, 0.9), (-3598.125, 0.9), (-3598, 0.9)
    assert told(Terms(for_s=10), *steps) == [("fired", "a1", -3598)]


def test_a_clock_set_back_neither_delays_the_end_nor_hurries_it() -> None:
    steps = (0, 0.9), (1, 0.1), (9, 0.1), (-3600, 0.1), (-3598.125, 0.1), (-3598, 0.1)
    assert told(Terms(clear_s=10), *steps)[1:] == [("resolved", "a1", -3598)]


def test_a_clock_set_back_neither_shortens_a_cooldown_nor_draws_it_out() -> None:
    steps = (0, 0.9), (1, 0.1), (50, 0.1), (-3600, 0.1), (-3590.125, 0.9), (-3590, 0.9)
    assert told(Terms(cooldown_s=60), *steps)[2:] == [("fired", "a2", -3590)]


def test_what_began_before_the_clock_was_set_back_did_not_begin_later_than_it_ended() -> None:
    (fired, resolved) = changes(Terms(), [(0, 0.9), (5, 0.9), (-500, 0.9), (1, 0.1)])
    assert (fired.started, fired.at) == (1000, 1000)
    assert (resolved.started, resolved.at, resolved.duration_s) == (500, 506, 6)


def test_a_rule_has_the_limits_of_its_trigger() -> None:
    rule = Rule(question="?", for_s=1)
    assert [what[:2] for what in told(rule, (0, 0.6), (1, 0.6), (2, 0.39))] == [
        ("fired", "a1"),
        ("resolved", "a1"),
    ]


def test_a_quiet_state_is_almost_nothing_in_storage() -> None:
    assert msgspec.json.encode(State()) == b"{}"
    assert msgspec.json.decode(b"{}", type=State) == State()


def test_a_state_written_by_this_version_stays_readable() -> None:
    data = (
        b'{"phase":"firing","alert":"a1","since":1.5,"below_since":3.5,'
        b'"fired_at":2.5,"judged_at":4.5}'
    )
    state = State("firing", "a1", 1.5, 3.5, 2.5, 4.5)
    assert msgspec.json.decode(data, type=State) == state
    assert msgspec.json.encode(state) == data


# Whatever happens.

eighths = st.integers(0, 80).map(lambda number: number / 8)
anything = st.builds(
    Terms,
    on=st.sampled_from([0.4, 0.6, 0.8]),
    off=st.sampled_from([0.0, 0.2, 0.4]),
    for_s=st.just(0.0) | eighths,
    clear_s=st.just(0.0) | eighths,
    cooldown_s=st.just(0.0) | eighths.map(lambda seconds: 3 * seconds),
)
scores = st.sampled_from([0.0, 0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 1.0])
sure = st.tuples(eighths, scores)
unsure = st.tuples(eighths, st.none())
stopped = st.tuples(eighths, st.just("stop"))
set_back = st.tuples(eighths.map(lambda seconds: -10 * seconds), scores)
happenings = st.lists(sure | sure | sure | unsure | stopped, max_size=40)
on_any_clock = st.lists(sure | sure | sure | unsure | set_back, max_size=40)


def for_how_long(run: Sequence[tuple[float, bool]], at: float) -> float:
    """Since when all of *run* has been true up to *at*, in seconds; less than 0 if it is not."""
    began = at + 1
    for when, true in reversed(run):
        if not true:
            break
        began = when
    return at - began


def expected(limits: Limits, happened: Sequence[Happening]) -> Iterator[tuple[str, float]]:
    """What is to be told and when, found by looking back each time: slow, and plain."""
    at, fired_at, firing = 1000.0, -1000.0, False
    before = list[tuple[float, float]]()  # sure answers since a change or a stop
    for dt, what in happened:
        at += dt
        if isinstance(what, float):
            before.append((at, what))
        over = [(when, score < limits.off) for when, score in before]
        holds = [(when, score >= limits.on) for when, score in before]
        if what == "stop":
            before.clear()
            if firing:
                firing = False
                yield "resolved", at
        elif firing and what is not None and for_how_long(over, at) >= limits.clear_s:
            firing = False
            yield "resolved", at
        elif firing or what is None or at - fired_at < limits.cooldown_s:
            continue
        elif for_how_long(holds, at) >= limits.for_s:
            firing, fired_at = True, at
            yield "fired", at


@given(anything, happenings)
def test_what_is_told_is_what_a_look_back_over_everything_tells(
    limits: Terms, happened: list[Happening]
) -> None:
    found = [(change.type, change.at) for change in changes(limits, happened)]
    assert found == list(expected(limits, happened))


@given(anything, on_any_clock | happenings)
def test_every_alert_fires_once_and_resolves_at_most_once(
    limits: Terms, happened: list[Happening]
) -> None:
    found = changes(limits, happened)
    assert [change.type for change in found[::2]] == ["fired"] * len(found[::2])
    assert [change.type for change in found[1::2]] == ["resolved"] * len(found[1::2])
    assert [change.alert for change in found[1::2]] == [
        change.alert for change in found[: len(found) // 2 * 2 : 2]
    ]
    assert len({change.alert for change in found}) == len(found[::2])
    for change in found:
        assert change.duration_s == change.at - change.started >= 0
        assert change.type == "resolved" or change.duration_s >= limits.for_s


@given(anything, happenings.filter(bool), st.data())
def test_unsure_answers_change_nothing(
    limits: Terms, happened: list[Happening], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(happened) - 1))
    dt, what = happened[cut]
    nothing_new = [(dt / 4, None), (dt / 4, float("nan")), (dt / 2, what)]
    with_more = [*happened[:cut], *nothing_new, *happened[cut + 1 :]]
    assert changes(limits, with_more) == changes(limits, happened)


@given(anything, on_any_clock | happenings)
def test_a_restart_at_any_moment_changes_nothing(limits: Terms, happened: list[Happening]) -> None:
    assert changes(limits, happened, restarts=True) == changes(limits, happened)


@given(anything, on_any_clock)
def test_a_clock_set_back_is_as_if_no_time_had_passed(
    limits: Terms, happened: list[Happening]
) -> None:
    sure_ones = [(dt, what) for dt, what in happened if what is not None]
    stood_still = [(max(0.0, dt), what) for dt, what in sure_ones]
    found, wanted = changes(limits, sure_ones), changes(limits, stood_still)
    assert [(c.type, c.alert, c.duration_s) for c in found] == [
        (c.type, c.alert, c.duration_s) for c in wanted
    ]


def firing_at(limits: Limits, happened: Sequence[Happening]) -> list[bool]:
    """Whether an alert was open, after each happening."""
    counted = [len(changes(limits, happened[: number + 1])) for number in range(len(happened))]
    return [number % 2 == 1 for number in counted]


@given(anything, happenings)
def test_a_lower_threshold_never_fires_later_the_first_time(
    limits: Terms, happened: list[Happening]
) -> None:
    fired = [changes(replace(limits, on=on), happened)[:1] for on in (0.4, 0.6, 0.8)]
    for lower, higher in pairwise(fired):
        assert not higher or lower[0].at <= higher[0].at


@given(anything, happenings)
def test_without_a_cooldown_a_lower_threshold_is_firing_whenever_a_higher_one_is(
    limits: Terms, happened: list[Happening]
) -> None:
    low, high = (firing_at(replace(limits, on=on, cooldown_s=0), happened) for on in (0.4, 0.8))
    assert all(one for one, other in zip(low, high, strict=True) if other)


def test_with_a_cooldown_a_lower_threshold_can_spend_it_on_less() -> None:
    """The price of a low threshold: what it fires for first may hide what matters more."""
    steps = (0, 0.5), (1, 0.1), (10, 0.9), (20, 0.1)
    assert [what[2] for what in told(Terms(on=0.8, cooldown_s=60), *steps)] == [10, 20]
    assert [what[2] for what in told(Terms(on=0.4, cooldown_s=60), *steps)] == [0, 1]

"""
When an alert fires and when it is over: `ok -> pending -> firing -> ok`, per rule and camera.

Pure: times are arguments, unix seconds. What is not judged changes nothing: while a camera
is away, or the answer unsure, its alert neither fires nor resolves, and goes on from where
it was. An unsure answer neither confirms nor breaks what must hold: between two sure ones
the condition is taken to have held, but only a sure one fires or resolves.

A clock that is set back costs nothing and gives nothing: between two judgements that it put
in the wrong order, no time has passed. So the caller keeps a late answer about an older
frame to itself.
"""

import math
from collections.abc import Callable
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace


class Limits(Protocol):
    """What of a rule decides; a `bus.rules.Rule` is one. 0 <= off <= on <= 1."""

    @property
    def on(self) -> float: ...  # holds at this score or more
    @property
    def off(self) -> float: ...  # is over at less than this
    @property
    def for_s(self) -> float: ...  # holds so long before it fires
    @property
    def clear_s(self) -> float: ...  # is over so long before it resolves
    @property
    def cooldown_s(self) -> float: ...  # at least from one `fired` to the next


class State(Struct, frozen=True, omit_defaults=True):
    """All that is known about one rule on one camera. As JSON it survives a restart."""

    phase: Literal["ok", "pending", "firing"] = "ok"
    alert: str = ""  # id, from fired to resolved
    since: float = 0.0  # when the condition began; pending and firing
    below_since: float | None = None  # when it seemed to end; firing
    fired_at: float | None = None  # the last time, also when that alert is over
    judged_at: float = 0.0  # the last time that changed anything: a sure answer, or a stop


class Change(Struct, frozen=True):
    type: Literal["fired", "resolved"]
    alert: str
    at: float
    started: float  # when the condition began: *for_s* or more before it fired
    duration_s: float  # from started to at
    reason: Literal["judged", "disabled"] = "judged"


MakeId = Callable[[], str]
Step = tuple[State, Change | None]


def step(limits: Limits, state: State, score: float | None, at: float, make_id: MakeId) -> Step:
    """
    What an answer at *at* makes of *state*, and what there is to tell.

    *score* is P(yes), None when unsure or not judged. *make_id* is called once per `fired`.
    """
    if score is None or math.isnan(score):
        return state, None
    state = _at(state, at)
    if state.phase == "firing":
        return _firing(limits, state, score)
    if score < limits.on:
        return _ok(state), None
    since = state.since if state.phase == "pending" else at
    state = replace(state, phase="pending", since=since)
    if at - since < limits.for_s or _is_cooling(limits, state):
        return state, None
    state = replace(state, phase="firing", alert=make_id(), fired_at=at)
    return state, _change("fired", state)


def stop(state: State, at: float) -> Step:
    """The rule is removed, disabled, snoozed or out of schedule; the cooldown goes on."""
    if state.phase == "ok":
        return state, None
    state = _at(state, at)
    told = _change("resolved", state, "disabled") if state.phase == "firing" else None
    return _ok(state), told


def _firing(limits: Limits, state: State, score: float) -> Step:
    at = state.judged_at
    if score >= limits.off:
        return replace(state, below_since=None), None
    since = at if state.below_since is None else state.below_since
    if at - since < limits.clear_s:
        return replace(state, below_since=since), None
    return _ok(state), _change("resolved", state)


def _is_cooling(limits: Limits, state: State) -> bool:
    return state.fired_at is not None and state.judged_at - state.fired_at < limits.cooldown_s


def _ok(state: State) -> State:
    return State(fired_at=state.fired_at, judged_at=state.judged_at)


def _at(state: State, at: float) -> State:
    """*state* at *at*; if that lies before the last judgement, all its times move with it."""
    back_s = min(0.0, at - state.judged_at)

    def moved(time: float | None) -> float | None:
        return None if time is None else time + back_s

    return replace(
        state,
        since=state.since + back_s,
        below_since=moved(state.below_since),
        fired_at=moved(state.fired_at),
        judged_at=at,
    )


def _change(
    kind: Literal["fired", "resolved"],
    state: State,
    reason: Literal["judged", "disabled"] = "judged",
) -> Change:
    at = state.judged_at
    return Change(kind, state.alert, at, state.since, at - state.since, reason)

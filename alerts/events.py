"""What a judgement makes of a rule's standing, and the event to tell. Pure."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from alerts.trigger import Change, State, step, stop
from bus.alerts import AlertEvent, EventTimings, FrameRef, RuleRef, Standing
from bus.messages import FrameUsed, Timings
from bus.rules import Rule
from bus.times import utc

_state = msgspec.json.Decoder(State)


@dataclass(frozen=True)
class Seen:
    """What was judged: one question's score, and the frame it is about."""

    score: float | None
    by: Literal["logits", "text"]
    frame: FrameUsed
    model: str
    timings: Timings
    evidence: bool  # the frame is kept as a JPEG


@dataclass(frozen=True)
class Place:
    """The camera that is watched."""

    id: str
    name: str = ""  # as its owner calls it


@dataclass(frozen=True)
class Outcome:
    before: Standing | None
    after: Standing
    event: AlertEvent | None


def state_of(standing: Standing | None) -> State:
    return _state.decode(standing.state) if standing else State()


def is_waiting(standing: Standing | None) -> bool:
    """Whether something must hold until it counts: a look that is left out would be missed."""
    state = state_of(standing)
    return state.phase == "pending" or state.below_since is not None


def standing_for(rule: Rule, camera: str) -> Standing:
    return Standing(rule=rule.id, name=rule.name, question=rule.question, camera=camera)


def decide(
    rule: Rule, place: Place, before: Standing | None, seen: Seen, now: float, alert: str
) -> Outcome:
    """*alert* is the id of a new alert, should one fire."""
    state, change = step(rule, state_of(before), seen.score, seen.frame.captured_at, lambda: alert)
    after = _after(rule, before or standing_for(rule, place.id), state, seen)
    return Outcome(before, after, _event(rule, place, change, seen, now) if change else None)


def _after(rule: Rule, before: Standing, state: State, seen: Seen) -> Standing:
    return msgspec.structs.replace(
        before,
        name=rule.name,
        question=rule.question,
        phase=state.phase,
        score=seen.score,
        at=seen.frame.captured_at,
        by=seen.by,
        alert=state.alert,
        judged=before.judged + 1,
        error="",
        state=msgspec.Raw(msgspec.json.encode(state)),
    )


def _event(rule: Rule, place: Place, change: Change, seen: Seen, now: float) -> AlertEvent:
    is_shown = change.type == "fired" and seen.evidence and rule.attach_snapshot
    return AlertEvent(
        type=change.type,
        id=change.alert,
        at=utc(now),
        rule=RuleRef(rule.id, rule.name or rule.question, rule.question),
        camera=place.id,
        camera_name=place.name,
        score=None if seen.score is None else round(seen.score, 4),
        on=rule.on,
        off=rule.off,
        by=seen.by,
        captured_at=utc(seen.frame.captured_at),
        frame=FrameRef(seen.frame.seq, seen.frame.age_ms),
        model=seen.model,
        timings_ms=_timings(seen, now),
        started=utc(change.started),
        duration_s=round(change.duration_s, 3),
        reason=change.reason,
        snapshot=snapshot_path(change.alert) if is_shown else None,
    )


def _timings(seen: Seen, now: float) -> EventTimings:
    age_ms, judge_ms = seen.frame.age_ms, seen.timings.engine
    decide_ms = max(0.0, (now - seen.frame.captured_at) * 1000 - age_ms - judge_ms)
    return EventTimings(
        queue=round(seen.timings.queue, 2),
        frame_age=round(age_ms, 2),
        judge=round(judge_ms, 2),
        decide=round(decide_ms, 2),
        capture_to_event=round(age_ms + judge_ms + decide_ms, 2),
    )


def stopped(standing: Standing, now: float) -> Outcome:
    """The rule is not judged on that camera any more; its cooldown goes on."""
    state, change = stop(state_of(standing), now)
    after = msgspec.structs.replace(
        standing, phase="ok", alert="", error="", state=msgspec.Raw(msgspec.json.encode(state))
    )
    return Outcome(standing, after, _end(standing, change, now) if change else None)


def _end(standing: Standing, change: Change, now: float) -> AlertEvent:
    return AlertEvent(
        type=change.type,
        id=change.alert,
        at=utc(now),
        rule=RuleRef(standing.rule, standing.name or standing.question, standing.question),
        camera=standing.camera,
        camera_name="",
        score=None,
        on=0.0,
        off=0.0,
        by=standing.by,
        captured_at=None,
        frame=None,
        model="",
        timings_ms=None,
        started=utc(change.started),
        duration_s=round(change.duration_s, 3),
        reason=change.reason,
    )


def snapshot_path(alert: str) -> str:
    return f"/v1/alerts/{alert}/snapshot.jpg"

"""
Rules over a recording: what the live system would have judged, decided and told.

Nothing waits here: time is the recording's. A judgement takes none of it, so a slow model
judges as often as the rules ask; `Played.judge_ms` says whether it could.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from time import perf_counter
from typing import Literal

import cv2
import numpy as np

from alerts.events import Place, Seen, decide, is_waiting, standing_for, stopped
from alerts.judging import question_of
from alerts.pace import Pace
from bus.alerts import AlertEvent, Standing
from bus.jpeg import encode_jpeg
from bus.messages import FrameUsed, Timings
from bus.rules import Rule, is_active
from capture.motion import Motion
from capture.source import Pixels
from compose.replay.recording import Moment
from compose.replay.spans import Span
from inference.engine import Engine
from inference.judging import judge, looks

SNAPSHOT_WIDTH = 640


@dataclass(frozen=True)
class Look:
    """A rule was due: its picture was judged, or spared because nothing moved."""

    at_s: float
    rule: str
    motion: float
    judged: bool
    score: float | None = None  # P(yes); None: unsure, or spared


@dataclass(frozen=True)
class Alert:
    id: str
    rule: str
    score: float
    span: Span
    snapshot: bytes  # JPEG of what was judged


@dataclass
class Played:
    """What has come of it so far."""

    rules: Sequence[Rule]
    looks: list[Look] = field(default_factory=list)
    events: list[AlertEvent] = field(default_factory=list)
    alerts: dict[str, Alert] = field(default_factory=dict)  # by id
    judge_ms: list[float] = field(default_factory=list)  # of each judgement, for all rules due
    seconds: float = 0.0  # of the recording
    pictures: int = 0
    by: Literal["logits", "text"] = "logits"

    def scored(self, rule: Rule) -> list[tuple[float, float]]:
        """When it was judged, and the score; without those that were unsure."""
        mine = (look for look in self.looks if look.rule == rule.id)
        return [(look.at_s, look.score) for look in mine if look.score is not None]

    def alerts_of(self, rule: Rule) -> list[Alert]:
        return [alert for alert in self.alerts.values() if alert.rule == rule.id]

    def spans(self, rule: Rule) -> list[Span]:
        return [alert.span for alert in self.alerts_of(rule)]


@dataclass(frozen=True)
class Setting:
    """As which camera, when, and by which model."""

    model: str
    camera: str = "replay"
    start: float | None = None  # unix s of the beginning; None: 1970, and schedules do not count


class Player:
    """Adds to *played* what comes of its rules."""

    def __init__(self, engine: Engine, setting: Setting, played: Played) -> None:
        self._engine, self._setting, self._place = engine, setting, Place(setting.camera)
        self._played, self._motion = played, Motion()
        rules = played.rules
        self._paces = {rule.id: Pace() for rule in rules}
        self._standings = {rule.id: standing_for(rule, setting.camera) for rule in rules}
        self._recent: deque[Moment] = deque()
        series = [rule for rule in rules if rule.frames > 1 and engine.judges_series]
        self._keep_s = max((rule.span_s for rule in series), default=0.0)
        # Nearer to each other than that, more pictures would only fill the memory.
        self._apart_s = min((rule.span_s / rule.frames / 4 for rule in series), default=0.0)

    async def play(self, moments: Iterable[Moment], passed: Callable[[float], None]) -> None:
        """*passed* is told how far it got, in seconds of the recording."""
        for moment in moments:
            await self.see(moment)
            passed(moment.at_s)
            await asyncio.sleep(0)  # or Ctrl-C is not heard where nothing waits

    async def see(self, moment: Moment) -> None:
        motion = self._motion.score(moment.pixels, moment.at_s)
        self._remember(moment)
        due = [rule for rule in self._active(moment) if self._is_due(rule, motion, moment.at_s)]
        for _, alike in groupby(sorted(due, key=_series), key=_series):
            await self._judge(list(alike), moment, motion)

    def _remember(self, moment: Moment) -> None:
        self._played.seconds, self._played.pictures = moment.at_s, self._played.pictures + 1
        if not self._recent or moment.at_s - self._recent[-1].at_s >= self._apart_s:
            self._recent.append(moment)
        while len(self._recent) > 1 and self._recent[1].at_s <= moment.at_s - self._keep_s:
            self._recent.popleft()

    def _active(self, moment: Moment) -> list[Rule]:
        """Without those that rest now; their alerts are over."""
        if self._setting.start is None:
            return list(self._played.rules)
        now = self._setting.start + moment.at_s
        for rule in self._played.rules:
            if not is_active(rule, now):
                outcome = stopped(self._standings[rule.id], now)
                self._note(outcome.after, outcome.event, moment)
        return [rule for rule in self._played.rules if is_active(rule, now)]

    def _is_due(self, rule: Rule, motion: float, at_s: float) -> bool:
        pace = self._paces[rule.id]
        skipped = pace.skipped
        due = pace.see(rule, motion, at_s, is_waiting(self._standings[rule.id]))
        if pace.skipped > skipped:
            self._played.looks.append(Look(at_s, rule.id, motion, judged=False))
        return due

    async def _judge(self, rules: Sequence[Rule], moment: Moment, motion: float) -> None:
        began = perf_counter()
        pictures = [one.pixels for one in self._series(rules[0], moment)]
        questions = [question_of(rule, self._setting.camera) for rule in rules]
        judgement = await judge(self._engine, looks(pictures, questions))
        self._played.judge_ms.append((perf_counter() - began) * 1000)
        self._played.by = judgement.by
        for rule, score in zip(rules, judgement.scores, strict=True):
            self._paces[rule.id].judged(rule, motion, moment.at_s)
            self._played.looks.append(Look(moment.at_s, rule.id, motion, True, score))
            self._decide(rule, score, moment)

    def _series(self, rule: Rule, moment: Moment) -> list[Moment]:
        """Its pictures, oldest first; at the beginning there may be fewer."""
        if rule.frames == 1 or not self._engine.judges_series:
            return [moment]
        step_s = rule.span_s / (rule.frames - 1)
        wanted = [moment.at_s - n * step_s for n in reversed(range(rule.frames))]
        kept = (*self._recent, moment)
        nearest = [min(kept, key=lambda one: abs(one.at_s - at_s)) for at_s in wanted]
        return list({one.number: one for one in nearest}.values())

    def _decide(self, rule: Rule, score: float | None, moment: Moment) -> None:
        at = (self._setting.start or 0.0) + moment.at_s
        height, width, _ = moment.pixels.shape
        frame = FrameUsed(self._setting.camera, moment.number, at, 0.0, width, height)
        took = Timings(engine=self._played.judge_ms[-1])
        seen = Seen(score, self._played.by, frame, self._setting.model, took, evidence=False)
        alert = f"replay-{len(self._played.alerts) + 1}"
        outcome = decide(rule, self._place, self._standings[rule.id], seen, at, alert)
        self._note(outcome.after, outcome.event, moment)

    def _note(self, after: Standing, event: AlertEvent | None, moment: Moment) -> None:
        self._standings[after.rule] = after
        if event is None:
            return
        self._played.events.append(event)
        if event.type == "fired":
            span = Span(moment.at_s - event.duration_s, moment.at_s, None)
            score, jpeg = event.score or 0.0, encode_jpeg(_shrunk(moment.pixels))
            self._played.alerts[event.id] = Alert(event.id, after.rule, score, span, jpeg)
        else:
            before = self._played.alerts[event.id]
            span = before.span._replace(ended_s=moment.at_s)
            self._played.alerts[event.id] = Alert(
                before.id, before.rule, before.score, span, before.snapshot
            )


def _series(rule: Rule) -> tuple[int, float]:
    """Rules that want the same pictures are judged together."""
    return rule.frames, rule.span_s


def _shrunk(pixels: Pixels) -> Pixels:
    height, width, _ = pixels.shape
    if width <= SNAPSHOT_WIDTH:
        return pixels
    size = SNAPSHOT_WIDTH, max(1, round(height * SNAPSHOT_WIDTH / width))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)

"""
Alerts against what is known to be true: false alarms, what was missed, how long it took.

Pure; all times are seconds of the recording.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

BINS = 10  # of scores, for the calibration


class Span(NamedTuple):
    """An alert: its condition began, it fired, it was over."""

    started_s: float
    fired_s: float
    ended_s: float | None  # None: it lasts to the end


class Truth(NamedTuple):
    """While the right answer is yes."""

    from_s: float
    to_s: float


Scored = tuple[float, float]  # when, P(yes)


@dataclass(frozen=True)
class Verdict:
    events: int
    false: tuple[Span, ...]
    missed: tuple[Truth, ...]
    delays: tuple[float, ...]  # from the beginning of each detected event to its alert
    hours: float

    @property
    def false_per_hour(self) -> float:
        return len(self.false) / self.hours if self.hours else 0.0

    @property
    def median_s(self) -> float | None:
        return median(self.delays) if self.delays else None

    @property
    def worst_s(self) -> float | None:
        return max(self.delays, default=None)


def compare(
    spans: Sequence[Span], truths: Sequence[Truth], seconds: float, tolerance_s: float = 1.0
) -> Verdict:
    """
    A false alarm is an alert that meets no truth; one that meets several has found them all.

    *seconds* is how long was watched. An alert that was there before has found it at once.
    """
    found = [[span for span in spans if _meets(span, one, tolerance_s)] for one in truths]
    return Verdict(
        events=len(truths),
        false=tuple(s for s in spans if not any(_meets(s, t, tolerance_s) for t in truths)),
        missed=tuple(one for one, by in zip(truths, found, strict=True) if not by),
        delays=tuple(
            max(0.0, min(span.fired_s for span in by) - one.from_s)
            for one, by in zip(truths, found, strict=True)
            if by
        ),
        hours=seconds / 3600,
    )


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Of several recordings, as if they were one."""
    return Verdict(
        events=sum(one.events for one in verdicts),
        false=tuple(span for one in verdicts for span in one.false),
        missed=tuple(truth for one in verdicts for truth in one.missed),
        delays=tuple(delay for one in verdicts for delay in one.delays),
        hours=sum(one.hours for one in verdicts),
    )


def _meets(span: Span, truth: Truth, tolerance_s: float) -> bool:
    began = span.started_s <= truth.to_s + tolerance_s
    return began and (span.ended_s is None or span.ended_s >= truth.from_s - tolerance_s)


def certain(
    scored: Iterable[Scored], truths: Sequence[Truth], tolerance_s: float = 1.0
) -> list[tuple[float, bool]]:
    """Each score with the right answer, without those so near to a change that it is arguable."""
    edges = [edge for truth in truths for edge in truth]
    return [
        (score, any(truth.from_s <= at_s <= truth.to_s for truth in truths))
        for at_s, score in scored
        if all(abs(at_s - edge) > tolerance_s for edge in edges)
    ]


def accuracy(answers: Sequence[tuple[float, bool]]) -> float | None:
    """The share of scores on the right side of a half; None without any."""
    if not answers:
        return None
    return sum((score >= 0.5) == is_so for score, is_so in answers) / len(answers)


def calibration_error(answers: Sequence[tuple[float, bool]]) -> float | None:
    """How far scores are from how often they are right, on average: 0 is best, None without any."""
    if not answers:
        return None
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for score, is_so in answers:
        bins[min(BINS - 1, int(score * BINS))].append((score, is_so))
    return sum(abs(sum(score - is_so for score, is_so in one)) for one in bins) / len(answers)

"""What a replay has shown, rule by rule. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from bus.rules import Rule
from compose.replay.playing import Alert, Look, Played
from compose.replay.spans import Scored, Span, Truth, Verdict, compare
from compose.replay.thresholds import Suggestion, alerts_per_day, suggest


@dataclass(frozen=True)
class RuleResult:
    rule: Rule
    looks: Sequence[Look]
    scored: Sequence[Scored]
    alerts: Sequence[Alert]
    truths: Sequence[Truth] | None  # None: nobody has labelled it
    verdict: Verdict | None  # against them
    suggestion: Suggestion | None
    per_day: Sequence[tuple[float, int]]  # `on`, and how many alerts it would make

    @property
    def spans(self) -> list[Span]:
        return [alert.span for alert in self.alerts]

    @property
    def course(self) -> list[Scored]:
        """The scores, each for as long as it was held to be so."""
        points: list[Scored] = []
        for look in self.looks:
            held = points[-1][1] if points else 0.0
            points.append((look.at_s, held if look.score is None else look.score))
        return points

    @property
    def judged(self) -> int:
        return sum(look.judged for look in self.looks)

    @property
    def spared(self) -> float:
        """The share of looks that the motion gate has made unnecessary."""
        return 1 - self.judged / len(self.looks) if self.looks else 0.0


@dataclass(frozen=True)
class Run:
    """How it was done."""

    recording: str
    model: str
    took_s: float
    whole: bool = True  # False: it was stopped, or broke


@dataclass(frozen=True)
class Results:
    run: Run
    played: Played
    rules: Sequence[RuleResult]

    @property
    def speed(self) -> float:
        """How many times faster than the recording."""
        return self.played.seconds / self.run.took_s if self.run.took_s else 0.0

    def judge_ms(self, percent: int) -> float | None:
        times = self.played.judge_ms
        if len(times) < 2:
            return times[0] if times else None
        return quantiles(times, n=100, method="inclusive")[percent - 1]


def results_of(
    played: Played, run: Run, labels: Mapping[str, Sequence[Truth]], tolerance_s: float
) -> Results:
    terms = played.seconds, tolerance_s
    return Results(
        run, played, [_result(played, rule, labels.get(rule.id), terms) for rule in played.rules]
    )


def _result(
    played: Played, rule: Rule, truths: Sequence[Truth] | None, terms: tuple[float, float]
) -> RuleResult:
    seconds, tolerance_s = terms
    if truths is not None:  # what lies behind the end of what was watched is not missed
        truths = [one for one in truths if one.from_s < seconds]
    scored, spans = played.scored(rule), played.spans(rule)
    return RuleResult(
        rule=rule,
        looks=[look for look in played.looks if look.rule == rule.id],
        scored=scored,
        alerts=played.alerts_of(rule),
        truths=truths,
        verdict=None if truths is None else compare(spans, truths, seconds, tolerance_s),
        suggestion=suggest(rule, scored, truths, terms),
        per_day=alerts_per_day(rule, scored, seconds),
    )

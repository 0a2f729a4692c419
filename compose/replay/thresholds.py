"""What other thresholds would have made of the same scores, and which to take. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from msgspec.structs import replace

from alerts.trigger import Limits, State, step
from bus.rules import Rule
from compose.replay.spans import Scored, Span, Truth, Verdict, compare

DAY_S = 86400
GRID = tuple(n / 20 for n in range(1, 20))
SHOWN = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
LEAST_GAP = 0.2  # between two scores; a smaller one parts nothing
OFF = 2 / 3  # of `on`, as rules have it that name only that

Cost = tuple[int, int]


@dataclass(frozen=True)
class Suggestion:
    on: float
    off: float
    reason: str


def simulate(limits: Limits, scored: Sequence[Scored]) -> list[Span]:
    """The alerts that *limits* make of these scores."""
    spans: list[Span] = []
    state = State()
    for at_s, score in scored:
        state, change = step(limits, state, score, at_s, lambda: "one")
        if change and change.type == "fired":
            spans.append(Span(change.started, at_s, None))
        elif change:
            spans[-1] = spans[-1]._replace(ended_s=at_s)
    return spans


def with_on(rule: Rule, on: float) -> Rule:
    return replace(rule, on=on, off=round(on * OFF, 6))


def alerts_per_day(rule: Rule, scored: Sequence[Scored], seconds: float) -> list[tuple[float, int]]:
    """If all days were like the recording: by `on`."""
    if not seconds:
        return []
    count = {on: len(simulate(with_on(rule, on), scored)) for on in SHOWN}
    return [(on, round(fired * DAY_S / seconds)) for on, fired in count.items()]


def by_gap(scores: Sequence[float]) -> Suggestion | None:
    """Thresholds in the widest range without a score; None when the scores do not part."""
    low, high = max(pairwise(sorted(scores)), key=lambda ends: ends[1] - ends[0], default=(0, 0))
    gap = high - low
    if gap < LEAST_GAP:
        return None
    reason = f"no score lies between {low:.2f} and {high:.2f}"
    return Suggestion(round(low + gap * 2 / 3, 2), round(low + gap / 3, 2), reason)


def by_labels(
    rule: Rule, scored: Sequence[Scored], judged: Callable[[Sequence[Span]], Verdict]
) -> Suggestion:
    """The middle of the longest range of `on` that does best; *judged* knows what is true."""
    verdicts = {on: judged(simulate(with_on(rule, on), scored)) for on in GRID}
    costs = {on: (len(v.missed) + len(v.false), len(v.missed)) for on, v in verdicts.items()}
    run = _best_run(costs)
    wrong, missed = costs[run[0]]
    reason = (
        f"{missed} missed and {wrong - missed} false with `on` from {run[0]:.2f} to {run[-1]:.2f}"
    )
    on = run[len(run) // 2]
    return Suggestion(on, with_on(rule, on).off, reason)


def _best_run(costs: Mapping[float, Cost]) -> list[float]:
    """The longest run of neighbours with the least cost: its middle is farthest from harm."""
    best = min(costs.values())
    runs = [list(run) for cost, run in groupby(GRID, key=costs.__getitem__) if cost == best]
    return max(runs, key=len)


def by_answers(answers: Sequence[tuple[float, bool]]) -> Suggestion | None:
    """From alerts marked as right or wrong; None unless there are some of both."""
    if len({is_so for _, is_so in answers}) < 2:
        return None
    wrong = {on: sum((score >= on) != is_so for score, is_so in answers) for on in GRID}
    costs = {on: (count, 0) for on, count in wrong.items()}
    run = _best_run(costs)
    on = run[len(run) // 2]
    reason = f"it leaves {wrong[on]} of {len(answers)} marked alerts on the wrong side"
    return Suggestion(on, round(on * OFF, 6), reason)


def suggest(
    rule: Rule, scored: Sequence[Scored], truths: Sequence[Truth] | None, terms: tuple[float, float]
) -> Suggestion | None:
    """*terms*: the seconds watched, and the tolerance. None when nothing can be said."""
    if not scored:
        return None
    if truths is None:
        return by_gap([score for _, score in scored])
    return by_labels(rule, scored, lambda spans: compare(spans, truths, *terms))

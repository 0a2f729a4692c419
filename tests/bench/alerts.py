"""
`make bench-alerts`: how good the demo model's alerts are on films whose truth is known.

    python -m tests.bench.alerts [--quick] [--markdown] [--set for_s=1]

The films go through what `lookout replay` goes through: the same sampling, motion gate
and model. First some that are not reported, to choose each rule's thresholds as
`lookout replay --labels` suggests them; then those of the tables. An alert that meets no
truth within a second is a false alarm.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from msgspec.structs import replace

from bus.rules import EVERY, Rule
from capture.demo.random_world import CONDITIONS
from capture.demo.scene import Kind
from compose.replay.playing import Played, Player, Setting
from compose.replay.rules import load_rules
from compose.replay.spans import (
    Scored,
    Truth,
    Verdict,
    accuracy,
    calibration_error,
    certain,
    compare,
    together,
)
from compose.replay.thresholds import Suggestion, suggest
from inference.engine import Engine, engine_module
from inference.settings import DEMO_MODEL
from tests.bench.films import FPS, Film, film

QUESTIONS: dict[str, Kind] = {
    "Is there a fire?": "fire",
    "Is there a person?": "person",
    "Is there a car?": "car",
    "Is there a dog?": "dog",
    "Is there a package?": "box",
}
FILMS, CHOOSING, FILM_S = 11, 3, 60.0  # of each condition, reported and not; the seconds of each
QUICK = 1, 1, 20.0
NOT_REPORTED = 1000  # the number of the first film that thresholds are chosen by
EACH = "every question"
# Nothing is held back after an alert, so that each event has its chance.
USUAL = ("every_s=0.5", "cooldown_s=0")
TOLERANCE_S = 1.0
PAUSE_S = 60.0
HEAD = (
    *("question", "condition", "events", "missed", "false alarms an hour", "detected: median"),
    *("worst", "scores", "right", "calibration error"),
)


@dataclass(frozen=True)
class Measured:
    question: str
    condition: str
    verdict: Verdict
    answers: Sequence[tuple[float, bool]]  # each score, and what was right

    @property
    def cells(self) -> Sequence[str]:
        found, right = self.verdict, accuracy(self.answers)
        error = calibration_error(self.answers)
        return (
            self.question,
            self.condition,
            str(found.events),
            str(len(found.missed)),
            f"{found.false_per_hour:.1f}",
            "" if found.median_s is None else f"{found.median_s:.2f} s",
            "" if found.worst_s is None else f"{found.worst_s:.2f} s",
            f"{len(self.answers):,}",
            "" if right is None else f"{right:.1%}",
            "" if error is None else f"{error:.3f}",
        )


@dataclass(frozen=True)
class Shown:
    """A film, and what the rules made of it."""

    film: Film
    played: Played

    def measured(self, rule: Rule) -> Measured:
        truths = self.film.truths(QUESTIONS[rule.question])
        scored, seconds = self.played.scored(rule), self.film.seconds
        verdict = compare(self.played.spans(rule), truths, seconds, TOLERANCE_S)
        return Measured(
            rule.question, self.film.condition, verdict, certain(scored, truths, TOLERANCE_S)
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.alerts")
    parser.add_argument("--quick", action="store_true", help="does it work at all?")
    parser.add_argument("--markdown", action="store_true", help="the table for a document")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    options = parser.parse_args()
    rules = load_rules(tuple(QUESTIONS), None, (*USUAL, *options.set), EVERY)
    films, choosing, seconds = QUICK if options.quick else (FILMS, CHOOSING, FILM_S)
    began = monotonic()
    told = asyncio.run(_show(_films(NOT_REPORTED, choosing, seconds), rules))
    chosen = {rule.id: _choose(rule, told) for rule in rules}
    rules = tuple(_with(rule, chosen[rule.id]) for rule in rules)
    shown = asyncio.run(_show(_films(0, films, seconds), rules))
    rows = list(_rows(shown, rules))
    sys.stdout.write(_markdown(rows) if options.markdown else _plain(rows))
    sys.stdout.write(_thresholds(rules, chosen) + _about(shown, monotonic() - began))
    return 0


def _films(first: int, count: int, seconds: float) -> list[Film]:
    numbers = range(first, first + count)
    return [film(number, condition, seconds) for condition in CONDITIONS for number in numbers]


def _choose(rule: Rule, shown: Sequence[Shown]) -> Suggestion | None:
    """As if all films were one, with a pause between them."""
    scored: list[Scored] = []
    truths: list[Truth] = []
    start_s = 0.0
    for one in shown:
        scored += [(start_s + at_s, score) for at_s, score in one.played.scored(rule)]
        known = one.film.truths(QUESTIONS[rule.question])
        truths += [Truth(start_s + truth.from_s, start_s + truth.to_s) for truth in known]
        start_s += one.film.seconds + PAUSE_S
    return suggest(rule, scored, truths, (start_s, TOLERANCE_S))


def _with(rule: Rule, chosen: Suggestion | None) -> Rule:
    return replace(rule, on=chosen.on, off=chosen.off) if chosen else rule


async def _show(films: Sequence[Film], rules: Sequence[Rule]) -> list[Shown]:
    module = engine_module(DEMO_MODEL)
    setting = Setting(module.identify(DEMO_MODEL))
    async with module.open(DEMO_MODEL) as engine:
        return [Shown(one, await _play(one, rules, engine, setting)) for one in films]


async def _play(one: Film, rules: Sequence[Rule], engine: Engine, setting: Setting) -> Played:
    played = Played(rules)
    await Player(engine, setting, played).play(one.moments(), lambda at_s: None)
    return played


def _rows(shown: Sequence[Shown], rules: Sequence[Rule]) -> Iterator[Sequence[str]]:
    """For each question a row for each condition, and one for all; then all questions together."""
    yield HEAD
    each = [one.measured(rule) for rule in rules for one in shown]
    for question in (*(rule.question for rule in rules), EACH):
        mine = [one for one in each if question in (one.question, EACH)]
        for condition in CONDITIONS:
            yield _sum(question, condition, [one for one in mine if one.condition == condition])
        yield _sum(question, "all", mine)


def _sum(question: str, condition: str, parts: Sequence[Measured]) -> Sequence[str]:
    answers = [answer for one in parts for answer in one.answers]
    verdict = together([one.verdict for one in parts])
    return Measured(question, condition, verdict, answers).cells


def _thresholds(rules: Sequence[Rule], chosen: Mapping[str, Suggestion | None]) -> str:
    lines = [
        f"{rule.question} on {rule.on:.2f}, off {rule.off:.2f}: {found.reason if found else '-'}"
        for rule in rules
        for found in (chosen[rule.id],)
    ]
    return "\nthresholds, chosen on other films:\n" + "\n".join(lines) + "\n"


def _plain(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join((head, f"|{' --- |' * len(HEAD)}", *rest)) + "\n"


def _about(shown: Sequence[Shown], took_s: float) -> str:
    minutes = sum(one.film.seconds for one in shown) / 60
    looks = [look for one in shown for look in one.played.looks]
    spared = sum(not look.judged for look in looks) / len(looks)
    return (
        f"\n{minutes:.1f} minutes of film at {FPS:g} pictures a second, in {took_s:.0f} s;"
        f" the motion gate spared {spared:.0%} of the looks\n"
    )


if __name__ == "__main__":
    sys.exit(main())

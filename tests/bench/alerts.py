"""
`make bench-alerts`: how good the demo model's alerts are on films whose truth is known.

    python -m tests.bench.alerts [--quick] [--markdown] [--set for_s=1]

The films go through what `lookout replay` goes through: the same sampling, motion gate,
model and thresholds. An alert that meets no truth within a second is a false alarm.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import get_args

from bus.rules import EVERY, Rule
from capture.demo.scene import Kind, LightName
from compose.replay.playing import Played, Player, Setting
from compose.replay.rules import load_rules
from compose.replay.spans import (
    Verdict,
    accuracy,
    calibration_error,
    certain,
    compare,
    together,
)
from inference.engine import Engine, engine_module
from inference.settings import DEMO_MODEL
from tests.bench.films import FPS, Film, film

QUESTIONS: dict[str, Kind] = {
    "Is there a fire?": "fire",
    "Is there a person?": "person",
    "Is there a car?": "car",
    "Is there a dog?": "dog",
}
LIGHTS: tuple[LightName, ...] = get_args(LightName)
FILMS, FILM_S = 8, 60.0  # of each light; the seconds of each
QUICK_FILMS, QUICK_S = 1, 40.0
# Nothing is held back after an alert, so that each event has its chance.
USUAL = ("every_s=0.5", "cooldown_s=0")
TOLERANCE_S = 1.0
HEAD = (
    *("question", "light", "events", "missed", "false alarms an hour", "detected: median"),
    *("worst", "scores", "right", "calibration error"),
)


@dataclass(frozen=True)
class Measured:
    question: str
    light: str
    verdict: Verdict
    answers: Sequence[tuple[float, bool]]  # each score, and what was right

    @property
    def cells(self) -> Sequence[str]:
        found, right = self.verdict, accuracy(self.answers)
        error = calibration_error(self.answers)
        return (
            self.question,
            self.light,
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
            rule.question, self.film.light, verdict, certain(scored, truths, TOLERANCE_S)
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.alerts")
    parser.add_argument("--quick", action="store_true", help="does it work at all?")
    parser.add_argument("--markdown", action="store_true", help="the table for a document")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    options = parser.parse_args()
    rules = load_rules(tuple(QUESTIONS), None, (*USUAL, *options.set), EVERY)
    films = list(_films(options.quick))
    began = monotonic()
    shown = asyncio.run(_show(films, rules))
    rows = list(_rows(shown, rules))
    sys.stdout.write(_markdown(rows) if options.markdown else _plain(rows))
    sys.stdout.write(_about(shown, monotonic() - began))
    return 0


def _films(quick: bool) -> Iterator[Film]:
    count, seconds = (QUICK_FILMS, QUICK_S) if quick else (FILMS, FILM_S)
    for light in LIGHTS:
        yield from (film(number, light, seconds) for number in range(count))


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
    """For each question a row for each light, and one for all."""
    yield HEAD
    for rule in rules:
        each = [one.measured(rule) for one in shown]
        for light in LIGHTS:
            yield _sum(light, [one for one in each if one.light == light]).cells
        yield _sum("all", each).cells


def _sum(light: str, parts: Sequence[Measured]) -> Measured:
    answers = [answer for one in parts for answer in one.answers]
    verdict = together([one.verdict for one in parts])
    return Measured(parts[0].question, light, verdict, answers)


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

"""`lookout replay`: rules over a recording, to see what they would have told and to tune them."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from bus.errors import BadJob, BadSettings, LookoutError
from bus.log import mask
from bus.rules import EVERY, Rule
from bus.settings import read
from compose.replay.feedback import Feedback, feedback_lines, marked_alerts, score_again
from compose.replay.files import prepare, write
from compose.replay.labels import read_labels
from compose.replay.playing import Played, Player, Setting
from compose.replay.recording import Recording, demo_of, open_recording
from compose.replay.results import Run, results_of
from compose.replay.rules import load_rules
from compose.replay.scripted import scripted
from compose.replay.spans import Truth
from compose.replay.words import clock, summary
from inference.engine import engine_module
from inference.settings import InferenceSettings

TELL_S = 0.2  # between two lines of progress
INTERRUPTED = 130  # as shells have it


def run(options: argparse.Namespace) -> int:
    try:
        return _score_again(options) if options.feedback else _replay(options)
    except (BadSettings, BadJob) as error:
        return _fail(error, 2)
    except LookoutError as error:
        return _fail(error, 1)
    except KeyboardInterrupt:  # before there was anything to report
        return INTERRUPTED


def _replay(options: argparse.Namespace) -> int:
    """The exit status."""
    if not options.clip:
        raise BadSettings('name the recording: lookout replay clip.mp4 --rule "Is there a fire?"')
    rules = load_rules(options.rule, options.rules, options.set, options.camera or EVERY)
    labels = _labels(options, rules)
    model = _model(options)
    start = None if options.start is None else _unix_s(options.start)
    name = engine_module(model).identify(model)
    setting = Setting(name, options.camera or "replay", start)
    with open_recording(options.clip, options.fps) as recording:
        folder = prepare(options.out)
        turn = _play(model, rules, setting, recording)
    about = Run(recording.name, name, turn.took_s, whole=turn.status == 0)
    results = results_of(turn.played, about, labels, options.tolerance)
    for line in summary(results):
        _say(line)
    _say("written: " + " ".join(str(path) for path in write(results, folder)))
    return turn.status


def _labels(options: argparse.Namespace, rules: Sequence[Rule]) -> dict[str, list[Truth]]:
    if options.labels:
        return read_labels(options.labels, rules)
    return scripted(*demo_of(options.clip), rules) if options.clip.startswith("demo:") else {}


def _model(options: argparse.Namespace) -> str:
    return options.model or read(InferenceSettings).model


def _score_again(options: argparse.Namespace) -> int:
    given = options.rule or options.rules
    rules = load_rules(options.rule, options.rules, options.set, EVERY) if given else ()
    marked, model = list(marked_alerts(options.feedback, options.key)), _model(options)

    async def scored() -> list[Feedback]:
        async with engine_module(model).open(model) as engine:
            return await score_again(engine, marked, rules)

    for line in feedback_lines(asyncio.run(scored())):
        _say(line)
    return 0


@dataclass(frozen=True)
class Turn:
    """What was played until it was over, stopped, or broke, which has been said."""

    played: Played
    took_s: float
    status: int


def _play(model: str, rules: Sequence[Rule], setting: Setting, recording: Recording) -> Turn:
    """Raise what has gone wrong, or been pressed, before there was a picture."""
    played, progress = Played(rules), Progress(recording.seconds)
    status = 0
    try:
        asyncio.run(_played(model, setting, recording, played, progress))
    except (LookoutError, KeyboardInterrupt) as error:
        progress.end()
        if not played.pictures:
            raise
        status = _fail(error, 1) if isinstance(error, LookoutError) else INTERRUPTED
    progress.end()
    return Turn(played, progress.took_s, status)


async def _played(
    model: str, setting: Setting, recording: Recording, played: Played, progress: "Progress"
) -> None:
    progress.say("opening the model …")
    async with engine_module(model).open(model) as engine:
        progress.begin()
        await Player(engine, setting, played).play(recording.moments, progress.passed)


class Progress:
    """On a terminal, how far it has come; and how long that took."""

    def __init__(self, seconds: float | None) -> None:
        self._of = f" of {clock(seconds)}" if seconds else ""
        self._began = self._told = monotonic()
        self.took_s = 0.0

    def begin(self) -> None:
        self._began = monotonic()

    def passed(self, at_s: float) -> None:
        now = monotonic()
        self.took_s = now - self._began
        if now - self._told >= TELL_S:
            self._told = now
            speed = at_s / self.took_s if self.took_s else 0.0
            self.say(f"{clock(at_s)}{self._of}, {speed:.1f} times as fast; Ctrl-C ends it")

    def say(self, text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K{text}")
            sys.stderr.flush()

    def end(self) -> None:
        self.say("")


def _unix_s(text: str) -> float:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadSettings(f"--start {text}: write a time such as 2026-11-23T17:20:00Z") from error
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _fail(error: LookoutError, status: int) -> int:
    sys.stderr.write(f"lookout: {mask(str(error))}\n")
    return status

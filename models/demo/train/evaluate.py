"""
Examines an exported model as it is served: whole frames, through the engine and its judge.

Every figure comes from scenes that were kept out of training.
"""

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import TypeVar

from bus.messages import Delta, Sampling
from capture.demo.canvas import Picture
from capture.demo.dice import Dice
from capture.demo.random_world import CONDITIONS, Condition, random_world
from capture.demo.render import Renderer
from capture.demo.scene import KINDS, Kind, Scene
from inference.engine import Engine, Turn, engine_module
from models.demo.train.asked import (
    Pair,
    around,
    clothes,
    colour,
    count,
    describe,
    plain_yes_or_no,
    refused,
    rule,
    what,
    where,
)
from models.demo.train.drawing import scene_of
from models.demo.train.facts import Facts, facts_of
from models.demo.train.grid import Described, shrunk
from models.demo.train.nouns import many
from models.demo.train.unseen import UNSEEN

ASKED: dict[Callable[[Random, Facts], Pair], int] = {
    **{describe: 1, plain_yes_or_no: 3, count: 2, colour: 1, where: 1, what: 1, clothes: 1},
    **{around: 1, refused: 1},
}
RULES = 6
UNSEEN_OF = 6  # of the phrasings, on each scene
# Scenes of kinds that are never taught: more things than ever, everything bad at once.
STORM = frozenset[Condition](("night", "rain", "noise", "jpeg", "shake", "hidden", "decoys"))
NEVER_TAUGHT: dict[str, Callable[[Dice], Scene]] = {
    "five or six things": lambda dice: random_world(dice, counts=(5, 6)),
    f"{', '.join(sorted(STORM))} at once": lambda dice: random_world(dice, STORM),
}
SAMPLING = Sampling(max_tokens=64)
SIDE_BY_SIDE = 8


Key = TypeVar("Key")
Flags = dict[Key, list[bool]]


@dataclass
class Marks:
    """What was said and what would have been right."""

    right: dict[tuple[str, Condition], list[bool]] = field(
        default_factory=lambda: defaultdict(list)
    )
    answers: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    scores: list[tuple[float, bool]] = field(default_factory=list)
    # Questions in words that were never taught: as a rule asks them, and as a chat does.
    as_rules: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    as_chats: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    by_count: dict[int, list[bool]] = field(default_factory=lambda: defaultdict(list))
    taken_for: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    described: list[Described] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    elsewhere: dict[str, "Marks"] = field(default_factory=dict)  # on scenes never taught

    def note(self, condition: Condition, pair: Pair, said: str) -> bool:
        right = said == pair.answer
        self.right[pair.about, condition].append(right)
        self.answers[pair.about][pair.answer.lower().rstrip(".")] += 1
        if not right:
            self.faults.append(f"{condition}: {pair.question} {said!r}, not {pair.answer!r}")
        return right


def evaluate(folder: Path, scenes: int, split: str = "examined") -> Marks:
    """*scenes* of each condition."""
    return asyncio.run(_evaluate(f"openvino:{folder.resolve()}", scenes, split))


async def _evaluate(url: str, scenes: int, split: str) -> Marks:
    marks, renderer = Marks(), Renderer()

    async def examine(scene: Scene, seed: str, condition: Condition, into: Marks) -> None:
        examiner = Examiner(
            engine, into, condition, facts_of(scene), renderer.render(scene, number)
        )
        await examiner.examine(Random(seed))

    async with engine_module(url).open(url) as engine:
        for number in range(scenes):
            for condition in CONDITIONS:
                scene = scene_of(split, number, condition)
                await examine(scene, f"{condition} {number}", condition, marks)
            for name, drawn in NEVER_TAUGHT.items():
                scene = drawn(Dice(number, f"{split} {name}"))
                there = marks.elsewhere.setdefault(name, Marks())
                await examine(scene, f"{name} {number}", "clear", there)
        frame = renderer.render(scene_of(split, 0), 0)
        marks.first_s += [await first_token_s(engine, frame) for _ in range(40)]
    return marks


@dataclass(frozen=True)
class Examiner:
    """Asks about one frame."""

    engine: Engine
    marks: Marks
    condition: Condition
    facts: Facts
    frame: Picture

    async def examine(self, dice: Random) -> None:
        pairs = [one(dice, self.facts) for one, times in ASKED.items() for _ in range(times)]
        slots = asyncio.Semaphore(SIDE_BY_SIDE)
        unseen = dice.sample(UNSEEN, UNSEEN_OF)
        questions = [pair.question for pair in pairs] + [text for _, text in unseen]
        said = await asyncio.gather(*(self._ask(text, slots) for text in questions))
        for pair, text in zip(pairs, said, strict=False):
            right = self.marks.note(self.condition, pair, text)
            if pair.about == "describe":
                self.marks.by_count[len(self.facts.seen)].append(right)
                small = shrunk(self.frame)
                self.marks.described.append(Described(self.condition, small, text, pair.answer))
        for (kind, question), text in zip(unseen, said[len(pairs) :], strict=True):
            wanted = "yes" if self.facts.count(kind) else "no"
            self.marks.as_chats[question].append(text.lower().startswith(wanted))
        self._note_confusion(said[0])
        await self._judge(dice, unseen)

    async def _ask(self, question: str, slots: asyncio.Semaphore) -> str:
        async with slots:
            return await answer(self.engine, self.frame, question)

    async def _judge(self, dice: Random, unseen: Sequence[tuple[Kind, str]]) -> None:
        rules = [rule(dice, self.facts) for _ in range(RULES)]
        questions = [pair.question for pair in rules] + [text for _, text in unseen]
        scores = (await self.engine.judge([self.frame], questions)).scores
        for pair, score in zip(rules, scores, strict=False):
            yes = (score or 0) >= 0.5
            self.marks.note(self.condition, pair, "yes" if yes else "no")
            self.marks.scores.append((score or 0, pair.answer == "yes"))
        for (kind, text), score in zip(unseen, scores[len(rules) :], strict=True):
            right = ((score or 0) >= 0.5) == (self.facts.count(kind) > 0)
            self.marks.as_rules[text].append(right)

    def _note_confusion(self, description: str) -> None:
        """Of a scene with one thing: which kind the description names."""
        if len(self.facts.seen) == 1:
            named = [k for k in KINDS if k in description or many(k) in description]
            self.marks.taken_for[self.facts.seen[0].kind, named[0] if named else "nothing"] += 1


async def answer(engine: Engine, frame: Picture, question: str) -> str:
    turns = [Turn("user", (frame, question))]
    async with aclosing(engine.generate(turns, SAMPLING)) as events:
        return "".join([event.text async for event in events if isinstance(event, Delta)])


async def first_token_s(engine: Engine, frame: Picture) -> float:
    began = monotonic()
    async with aclosing(
        engine.generate([Turn("user", (frame, "Is there a fire?"))], SAMPLING)
    ) as events:
        async for event in events:
            if isinstance(event, Delta) and event.text:
                return monotonic() - began
    return math.inf

"""
Many questions behind one picture.

The picture is read once. Each question sees the picture, its own system prompt and
itself, and none of the others; its places go on where those end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.demo.train.asked import (
    PROMPTS,
    RULE_PROMPTS,
    SINGLE,
    Pair,
    describe,
    rule,
    strange_rule,
)
from models.demo.train.facts import Facts
from models.demo.train.sizes import PICTURE_TOKENS
from models.demo.train.words import ASSISTANT, END, SYSTEM, USER, Words

LENGTH = 160  # tokens of questions and answers behind one picture
PREFIX = 1 + PICTURE_TOKENS + 1  # the start, the picture, a line break
NOT_ASKED = -100
FIRST_WEIGHT = 3.0  # of an answer's first token, which decides
UNWEIGHTED = ("describe", "refuse")
RULE_SHARE, USUAL_RULE_PROMPT, STRANGE_SHARE = 0.45, 0.5, 0.16
PROMPT_SHARE = 0.2
DESCRIBE_SHARE, DESCRIBE_MANY_SHARE, MANY = 0.62, 0.9, 3  # of what has so many things
RULES = 5
NOBODY = -9  # stands for no parent
PADDING = -5
ASKS, CHANCES = tuple(SINGLE), tuple(SINGLE.values())


@dataclass
class Row:
    """What stands behind one picture: a list each for the tokens and what belongs to them."""

    tokens: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    part: list[int] = field(default_factory=list)  # the number of the question
    parent: list[int] = field(default_factory=list)  # the number of its system prompt
    weights: list[float] = field(default_factory=list)
    pairs: list[tuple[int, Pair]] = field(default_factory=list)
    parts: int = 0

    def add(self, tokens: Sequence[int], targets: Sequence[int], place: int, parent: int) -> bool:
        count = len(tokens)
        if len(self.tokens) + count > LENGTH:
            return False
        self.tokens += tokens
        self.targets += targets
        self.places += range(place, place + count)
        self.part += [self.parts] * count
        self.parent += [parent] * count
        self.weights += [1.0] * count
        self.parts += 1
        return True


@dataclass(frozen=True)
class Batch:
    tokens: Tensor  # (pictures, LENGTH)
    places: Tensor  # (pictures, PREFIX + LENGTH)
    mask: Tensor  # (pictures, 1, PREFIX + LENGTH, PREFIX + LENGTH), added to the attention
    asked: Tensor  # where an answer's token is foretold, in the flattened rows
    targets: Tensor
    weights: Tensor
    rows: list[Row]


def packed(dice: Random, facts: Facts, words: Words) -> Row:
    row = Row()
    place, parent = PREFIX, NOBODY
    if dice.random() < RULE_SHARE:
        usual = dice.random() < USUAL_RULE_PROMPT
        prompt = RULE_PROMPTS[0] if usual else dice.choice(RULE_PROMPTS)
        below = under(row, words, prompt)
        for _ in range(RULES):
            asked = strange_rule if dice.random() < STRANGE_SHARE else rule
            ask(row, words, asked(dice, facts), below)
    elif dice.random() < PROMPT_SHARE:
        place, parent = under(row, words, dice.choice(PROMPTS))
    many = len(facts.seen) >= MANY
    if dice.random() < (DESCRIBE_MANY_SHARE if many else DESCRIBE_SHARE):
        ask(row, words, describe(dice, facts), (place, parent))
    refused = 0
    while refused < 3:
        (one,) = dice.choices(ASKS, CHANCES)
        refused += not ask(row, words, one(dice, facts), (place, parent))
    return row


def under(row: Row, words: Words, prompt: str) -> tuple[int, int]:
    """The place and the parent of what stands under *prompt*."""
    tokens = [SYSTEM, *words.ids(prompt)]
    row.add(tokens, [NOT_ASKED] * len(tokens), PREFIX, NOBODY)
    return PREFIX + len(tokens), row.parts - 1


def ask(row: Row, words: Words, pair: Pair, below: tuple[int, int]) -> bool:
    question = [USER, *words.ids(pair.question), ASSISTANT]
    answer = [*words.ids(pair.answer), END]
    first = len(row.tokens) + len(question) - 1
    targets = [NOT_ASKED] * (len(question) - 1) + answer
    if not row.add([*question, *answer[:-1]], targets, *below):
        return False
    if pair.about not in UNWEIGHTED:
        row.weights[first] = FIRST_WEIGHT
    row.pairs.append((row.parts - 1, pair))
    return True


def batch_of(dice: Random, facts: Sequence[Facts], words: Words) -> Batch:
    rows = [packed(dice, one, words) for one in facts]
    whole = PREFIX + LENGTH
    targets = np.full((len(rows), whole), NOT_ASKED)
    weights = np.zeros((len(rows), whole), np.float32)
    targets[:, PREFIX:] = filled([row.targets for row in rows], NOT_ASKED)
    weights[:, PREFIX:] = filled([row.weights for row in rows], 0)
    places = np.zeros((len(rows), whole), np.int64)
    places[:, :PREFIX] = np.arange(PREFIX)
    places[:, PREFIX:] = filled([row.places for row in rows], 0)
    asked = np.flatnonzero(targets.ravel() != NOT_ASKED)
    return Batch(
        torch.from_numpy(filled([row.tokens for row in rows], 0).astype(np.int64)),
        torch.from_numpy(places),
        mask_of(rows),
        torch.from_numpy(asked),
        torch.from_numpy(targets.ravel()[asked].astype(np.int64)),
        torch.from_numpy(weights.ravel()[asked]),
        rows,
    )


def mask_of(rows: Sequence[Row]) -> Tensor:
    part = filled([row.part for row in rows], PADDING)
    parent = filled([row.parent for row in rows], NOBODY)
    whole = PREFIX + LENGTH
    before = np.tril(np.ones((whole, whole), np.bool_))
    allowed = np.zeros((len(rows), whole, whole), np.bool_)
    allowed[:, :, :PREFIX] = before[:, :PREFIX]
    own = (part[:, :, None] == part[:, None]) | (parent[:, :, None] == part[:, None])
    allowed[:, PREFIX:, PREFIX:] = own & before[PREFIX:, PREFIX:]
    return torch.where(torch.from_numpy(allowed), 0.0, -30000.0).to(torch.bfloat16)[:, None]


def filled(rows: Sequence[Sequence[float]], with_: float) -> NDArray[np.float64]:
    """*rows* side by side, all LENGTH long."""
    whole = np.full((len(rows), LENGTH), float(with_))
    for number, row in enumerate(rows):
        whole[number, : len(row)] = row
    return whole

"""
Reading: the language model learns to read what the eyes say.

First from the labels themselves, which cost no picture: by the end it can count, describe
and answer. Then from what the eyes make of pictures, to know how far they can be trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from capture.demo.truth import PLACES
from models.demo.train.drawing import Pictures
from models.demo.train.facts import Facts
from models.demo.train.labels import AROUND, CHANNELS, COLOURS, LIGHTS, NAMED, WEATHERS, Labels
from models.demo.train.maps import middles
from models.demo.train.network import LEVELS, MOST_LEVELS, Eyes, Language, Projector, seen
from models.demo.train.nouns import NUMBERS
from models.demo.train.packing import Batch, batch_of
from models.demo.train.training import DEVICE, Budget, Optimizer, batches, compiled, half, run
from models.demo.train.vision import pixels
from models.demo.train.words import START, Words

BATCH = 16
RATES = 4e-3, 2.5e-3  # of Muon, of AdamW
LAST_RATES = 1.5e-3, 1e-3
EXAMINED = 240
LOUD = 4.0  # how much stronger what is seen begins than a word of the text
CHANNELS_SEEN = tuple((kind, colour) if colour else (kind,) for kind, colour in CHANNELS)
KINDS_SEEN = (*((kind,) for kind in NAMED), ("objects",))
# What each number that is seen stands for, in the order of `network.in_places` and `of_kinds`.
IN_PLACES: tuple[tuple[str, ...], ...] = (
    *((*names, NUMBERS[level + 1]) for level in range(LEVELS) for names in CHANNELS_SEEN),
    *((*names, NUMBERS[level + 1]) for level in range(MOST_LEVELS) for names in KINDS_SEEN),
)
ROUND = (*((light,) for light in LIGHTS), *((weather or "dry",) for weather in WEATHERS))
SUMS_SEEN = (*PLACES, "picture")
OF_KINDS: tuple[tuple[str, ...], ...] = tuple(
    names
    for place in SUMS_SEEN
    for names in (
        *((colour, place, NUMBERS[n + 1]) for n in range(LEVELS) for colour in COLOURS),
        *((place, NUMBERS[n + 1]) for n in range(MOST_LEVELS)),
    )
)
TOKENS_SEEN = (*SUMS_SEEN, "weather", *NAMED)


@dataclass(frozen=True)
class Lessons:
    """Scenes to ask about. The stage that needs no picture has none."""

    facts: Sequence[Facts]
    labels: Labels
    pictures: Pictures | None = None


class Reader(nn.Module):
    """The language model with what turns sight into its tokens."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self.language = Language(words.count)
        self.projector = Projector()
        self.register_buffer("around", torch.tensor([[START, words.line_break]]))
        self._begin_with_words(words)

    @torch.no_grad()
    def _begin_with_words(self, words: Words) -> None:
        """
        What is seen begins as the words for it, which the model then need not guess.

        To find a truck is then to look for what is alike, which is learned for all kinds at once.
        """
        projector = self.projector
        for layer, meanings in (
            (projector.places, IN_PLACES),
            (projector.around, ROUND),
            (projector.kinds, OF_KINDS),
        ):
            for number, names in enumerate(meanings):
                layer.weight[:, number] = LOUD * self._meaning(words, names)
        for name, row in zip(TOKENS_SEEN, self.projector.names, strict=True):
            row.add_(LOUD * self._meaning(words, (name,)))

    def _meaning(self, words: Words, names: tuple[str, ...]) -> Tensor:
        tokens = [token for name in names for token in words.ids(f" {name}")]
        return self.language.words.weight[tokens].sum(0)

    def forward(
        self, what: Tensor, features: Tensor | None, tokens: Tensor, places: Tensor, mask: Tensor
    ) -> Tensor:
        picture = self.projector(what, features)
        around = self.around.expand(len(tokens), 2)  # type: ignore[operator]
        texts = self.language.words(torch.cat([around, tokens], 1)).to(picture.dtype)
        rows = torch.cat([texts[:, :1], picture, texts[:, 1:]], 1)
        return self.language(rows, places, mask)


def teach_reading(
    reader: Reader, lessons: Lessons, kept: Lessons, words: Words, budget: Budget
) -> None:
    """From the labels alone."""
    numbers = batches(range(len(lessons.facts)), BATCH, np.random.default_rng(2))
    dice, coin = Random(3), np.random.default_rng(4)
    forward = compiled(reader)

    def step(progress: float) -> Tensor:
        which, mirrored = next(numbers), coin.random(BATCH) < 0.5
        batch = asked_about(dice, lessons, which, mirrored, words)
        what = blurred(told(lessons.labels.take(which, mirrored)))
        with half():
            rows = forward(what, None, *inputs(batch))
            return answers_loss(reader, rows, batch)

    optimizer = Optimizer([reader], *RATES)
    report = lambda: examined(reader, None, kept, words)  # noqa: E731
    run(budget, {"reader": reader}, optimizer, step, report)


def teach_together(
    both: tuple[Eyes, Reader], lessons: Lessons, kept: Lessons, words: Words, budget: Budget
) -> None:
    """From pictures, with eyes that learn no more: they are as they will be when they serve."""
    eyes, reader = both
    assert lessons.pictures is not None
    numbers = batches(range(len(lessons.facts)), BATCH, np.random.default_rng(5))
    dice, coin = Random(6), np.random.default_rng(7)
    eyes.eval()
    look, read = compiled(eyes), compiled(reader)
    pictures = lessons.pictures

    def step(progress: float) -> Tensor:
        which, mirrored = next(numbers), coin.random(BATCH) < 0.5
        batch = asked_about(dice, lessons, which, mirrored, words)
        with half():
            with torch.no_grad():
                features, logits, _ = look(pixels(pictures[which], mirrored))
                what = seen(logits)
            return answers_loss(reader, read(what, features, *inputs(batch)), batch)

    optimizer = Optimizer([reader], *LAST_RATES)
    run(budget, {"reader": reader}, optimizer, step, lambda: examined(reader, eyes, kept, words))


def asked_about(dice: Random, lessons: Lessons, which: Any, mirrored: Any, words: Words) -> Batch:
    facts = [
        lessons.facts[number].mirrored() if turned else lessons.facts[number]
        for number, turned in zip(which, mirrored, strict=True)
    ]
    return batch_of(dice, facts, words)


def inputs(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    return batch.tokens.to(DEVICE), batch.places.to(DEVICE), batch.mask.to(DEVICE)


def told(labels: Labels) -> Tensor:
    """What eyes without a fault would say of each cell."""
    mass = middles(labels)
    around = torch.from_numpy(labels.around)
    light = F.one_hot(around[:, 0], len(LIGHTS))
    weather = F.one_hot(around[:, 1], len(WEATHERS))
    spread = torch.cat([light, weather], 1)[:, None].expand(-1, mass.shape[1], AROUND)
    return torch.cat([mass, spread.float()], -1).to(DEVICE)


def blurred(what: Tensor) -> Tensor:
    """Eyes have faults: a thing is seen a little too weakly, and nothing a little too strongly."""
    strength = 1 + 0.1 * torch.randn_like(what)
    return (what * strength + 0.012 * torch.rand_like(what)).clamp(min=0)


def answers_loss(reader: Reader, rows: Tensor, batch: Batch) -> Tensor:
    chosen = rows.flatten(0, 1)[batch.asked.to(DEVICE)]
    logits = reader.language.logits(chosen).float()
    losses = F.cross_entropy(logits, batch.targets.to(DEVICE), reduction="none")
    weights = batch.weights.to(DEVICE)
    return (losses * weights).sum() / weights.sum()


@torch.no_grad()
def examined(reader: Reader, eyes: Eyes | None, kept: Lessons, words: Words) -> str:
    """The share of answers of which every token is right, for each kind of question."""
    right: dict[str, list[bool]] = {}
    dice = Random(8)
    for start in range(0, EXAMINED, BATCH):
        which = np.arange(start, start + BATCH)
        mirrored = np.zeros(BATCH, np.bool_)
        batch = asked_about(dice, kept, which, mirrored, words)
        with half():
            rows = reader(*sight(eyes, kept, which), *inputs(batch))
            said = (
                reader.language.logits(rows.flatten(0, 1)[batch.asked.to(DEVICE)]).argmax(-1).cpu()
            )
        collect(right, batch, said == batch.targets)
    return ", ".join(f"{about} {np.mean(found):.3f}" for about, found in sorted(right.items()))


def sight(eyes: Eyes | None, kept: Lessons, which: Any) -> tuple[Tensor, Tensor | None]:
    none = np.zeros(len(which), np.bool_)
    if eyes is None or kept.pictures is None:
        return told(kept.labels.take(which, none)), None
    features, logits, _ = eyes(pixels(kept.pictures[which], none))
    return seen(logits), features


def collect(right: dict[str, list[bool]], batch: Batch, correct: Tensor) -> None:
    flags = iter(correct.tolist())
    for row in batch.rows:
        parts = [part for part, target in zip(row.part, row.targets, strict=True) if target >= 0]
        by_part: dict[int, list[bool]] = {}
        for part in parts:
            by_part.setdefault(part, []).append(next(flags))
        for part, pair in row.pairs:
            right.setdefault(pair.about, []).append(all(by_part[part]))

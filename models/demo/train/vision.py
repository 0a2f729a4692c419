"""The first stage: the eyes learn to say what stands in which cell of the picture."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models.demo.train.drawing import Pictures
from models.demo.train.labels import CHANNELS, LIGHTS, NAMED, Labels
from models.demo.train.maps import PAINTED_CHANNELS, by_kind, fine, middles
from models.demo.train.network import Eyes, added_up, parts, seen
from models.demo.train.training import DEVICE, Budget, Optimizer, batches, compiled, half, run

BATCH = 32
RATES = 3e-3, 2e-3  # of Muon, of AdamW
CROWDED, CROWDED_UNTIL, CROWDED_THEN = 20, 0.7, 8  # of a batch, how long, and afterwards
EXAMINED = 500
RARE = 6.0  # how much more a middle weighs than the emptiness around it


@dataclass(frozen=True)
class Seen:
    """Pictures, and what stands on them; from number *crowded* on there is more than usual."""

    pictures: Pictures
    labels: Labels
    crowded: int


def teach(eyes: Eyes, lessons: Seen, kept: Seen, budget: Budget) -> None:
    """First mostly from crowded pictures, which have more to see; then mostly from usual ones."""
    dice = np.random.default_rng(1)
    usual = batches(range(lessons.crowded), BATCH, dice)
    crowd = batches(range(lessons.crowded, len(lessons.pictures)), BATCH, dice)
    forward = compiled(eyes)

    def step(progress: float) -> Tensor:
        crowded = CROWDED if progress < CROWDED_UNTIL else CROWDED_THEN
        which = np.concatenate([next(usual)[crowded:], next(crowd)[:crowded]])
        mirrored = dice.random(BATCH) < 0.5
        with half():
            _, logits, trunk = forward(pixels(lessons.pictures[which], mirrored))
        return loss_of(logits, trunk, lessons.labels.take(which, mirrored))

    optimizer = Optimizer([eyes], *RATES)

    def report() -> str:
        return f"{examined(eyes, kept)}; of those learned from: {examined(eyes, lessons)}"

    run(budget, {"eyes": eyes}, optimizer, step, report)


def pixels(pictures: Pictures, mirrored: NDArray[np.bool_]) -> Tensor:
    """(pictures, 3, height, width), -1 to 1, as the engine hands them over."""
    turned = np.where(mirrored[:, None, None, None], pictures[:, :, ::-1], pictures)
    values = torch.from_numpy(turned).to(DEVICE).permute(0, 3, 1, 2)
    return (values.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def loss_of(logits: Tensor, trunk: Tensor, labels: Labels) -> Tensor:
    return coarse_loss(logits.float(), labels) + fine_loss(trunk.float(), labels)


def coarse_loss(logits: Tensor, labels: Labels) -> Tensor:
    said, colours, around = parts(logits)
    mass = middles(labels).to(logits.device)
    there = by_kind(mass)
    # Not weighted: what is unsure must add up to how likely it is.
    middle = F.binary_cross_entropy_with_logits(said, there.clamp(0, 2) / 2, reduction="sum")
    numbers = F.mse_loss(added_up(2 * said.sigmoid()), added_up(there), reduction="sum")
    wanted = mass[..., PAINTED_CHANNELS].view_as(colours)
    painted = -(wanted * colours.log_softmax(-1)).sum() / wanted.sum().clamp(min=1)
    right = torch.from_numpy(labels.around).to(logits.device)
    average = around.mean(1)
    light = F.cross_entropy(average[:, : len(LIGHTS)], right[:, 0])
    weather = F.cross_entropy(average[:, len(LIGHTS) :], right[:, 1])
    counted = (0.1 * middle + 0.05 * numbers) / len(logits)
    return counted + 0.4 * painted + 0.2 * light + 0.2 * weather


def fine_loss(trunk: Tensor, labels: Labels) -> Tensor:
    cover, middle, colour = (part.to(trunk.device) for part in fine(labels))
    kinds = len(NAMED)
    covered = F.binary_cross_entropy_with_logits(trunk[:, :kinds], cover)
    weight = 1 + RARE * middle
    centred = F.binary_cross_entropy_with_logits(trunk[:, kinds : 2 * kinds], middle, weight)
    painted = F.cross_entropy(trunk[:, 2 * kinds :], colour, ignore_index=-1)
    return 4 * covered + 10 * centred + 0.5 * painted


@torch.no_grad()
def examined(eyes: Eyes, kept: Seen) -> str:
    """How often the number of each kind that is there, and the number of all, comes out right."""
    eyes.eval()
    count = min(EXAMINED, len(kept.pictures))
    none = np.zeros(count, np.bool_)
    first = kept.labels.take(np.arange(count), none)
    with half():
        _, logits, _ = eyes(pixels(kept.pictures[:count], none))
    eyes.train()
    said, right = seen(logits.float()).cpu()[..., : len(CHANNELS)], middles(first)
    found, there = (by_kind(mass.sum(1)).round() for mass in (said, right))
    present = there > 0
    exact = (said.sum(1).round() == right.sum(1).round()).all(1).float().mean()
    return (
        f"kinds that are there counted right {(found == there)[present].float().mean():.3f}, "
        f"others not seen {(found == there)[~present].float().mean():.4f}, "
        f"every kind and colour of a picture {exact:.3f}"
    )

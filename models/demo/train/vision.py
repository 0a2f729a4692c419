"""The first stage: the eyes learn to say what stands in which cell of the picture."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models.demo.train.drawing import Pictures
from models.demo.train.labels import CHANNELS, LIGHTS, NAMED, Labels
from models.demo.train.maps import KIND_OF_CHANNEL, fine, middles
from models.demo.train.network import Eyes
from models.demo.train.training import DEVICE, Budget, Optimizer, batches, compiled, half, run

BATCH = 64
RATES = 3e-3, 2e-3  # of Muon, of AdamW
EXAMINED = 500
RARE = 6.0  # how much more a middle weighs than the emptiness around it


def teach(
    eyes: Eyes, lessons: tuple[Pictures, Labels], kept: tuple[Pictures, Labels], budget: Budget
) -> None:
    pictures, labels = lessons
    dice = np.random.default_rng(1)
    chosen = batches(len(pictures), BATCH, dice)
    forward = compiled(eyes)

    def step(progress: float) -> Tensor:
        which = next(chosen)
        mirrored = dice.random(BATCH) < 0.5
        with half():
            _, logits, trunk = forward(pixels(pictures[which], mirrored))
        return loss_of(logits, trunk, labels.take(which, mirrored))

    optimizer = Optimizer([eyes], *RATES)
    run(budget, {"eyes": eyes}, optimizer, step, lambda: examined(eyes, *kept))


def pixels(pictures: Pictures, mirrored: NDArray[np.bool_]) -> Tensor:
    """(pictures, 3, height, width), -1 to 1, as the engine hands them over."""
    turned = np.where(mirrored[:, None, None, None], pictures[:, :, ::-1], pictures)
    values = torch.from_numpy(turned).to(DEVICE).permute(0, 3, 1, 2)
    return (values.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def loss_of(logits: Tensor, trunk: Tensor, labels: Labels) -> Tensor:
    return coarse_loss(logits.float(), labels) + fine_loss(trunk.float(), labels)


def coarse_loss(logits: Tensor, labels: Labels) -> Tensor:
    kinds = len(CHANNELS)
    mass = middles(labels).to(logits.device)
    weight = torch.where(mass > 0, RARE, 1.0)
    middle = F.binary_cross_entropy_with_logits(logits[..., :kinds], mass.clamp(0, 2) / 2, weight)
    around = torch.from_numpy(labels.around).to(logits.device)
    average = logits[..., kinds:].mean(1)
    light = F.cross_entropy(average[:, : len(LIGHTS)], around[:, 0])
    weather = F.cross_entropy(average[:, len(LIGHTS) :], around[:, 1])
    return 40 * middle + 0.2 * light + 0.2 * weather


def fine_loss(trunk: Tensor, labels: Labels) -> Tensor:
    cover, middle, colour = (part.to(trunk.device) for part in fine(labels))
    kinds = len(NAMED)
    covered = F.binary_cross_entropy_with_logits(trunk[:, :kinds], cover)
    weight = 1 + RARE * middle
    centred = F.binary_cross_entropy_with_logits(trunk[:, kinds : 2 * kinds], middle, weight)
    painted = F.cross_entropy(trunk[:, 2 * kinds :], colour, ignore_index=-1)
    return 4 * covered + 10 * centred + 0.5 * painted


@torch.no_grad()
def examined(eyes: Eyes, pictures: Pictures, labels: Labels) -> str:
    """How often the number of each kind that is there, and the number of all, comes out right."""
    eyes.eval()
    none = np.zeros(EXAMINED, np.bool_)
    first = labels.take(np.arange(EXAMINED), none)
    with half():
        _, logits, _ = eyes(pixels(pictures[:EXAMINED], none))
    eyes.train()
    kinds = len(CHANNELS)
    said = 2 * logits[..., :kinds].float().cpu().sigmoid()
    right = middles(first)
    by_kind = [add_up(mass.sum(1), KIND_OF_CHANNEL, len(NAMED)) for mass in (said, right)]
    found, there = (mass.round() for mass in by_kind)
    present = there > 0
    exact = (said.sum(1).round() == right.sum(1).round()).all(1).float().mean()
    return (
        f"kinds that are there counted right {(found == there)[present].float().mean():.3f}, "
        f"others not seen {(found == there)[~present].float().mean():.4f}, "
        f"every kind and colour of a picture {exact:.3f}"
    )


def add_up(mass: Tensor, groups: Tensor, count: int) -> Tensor:
    return torch.zeros(len(mass), count).index_add_(1, groups, mass)

"""Training against the clock: a stage lasts for so many seconds, whatever the machine."""

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim import AdamW

from models.demo.train.muon import Muon

log = logging.getLogger("train")

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# Elsewhere bfloat16 is emulated, a hundred times slower than plain numbers.
HALF = DEVICE.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
WARM_UP = 60  # steps
FLAT = 0.2  # of a stage, before the steps become smaller
LAST = 0.02  # of their size, at the end
SAVE_S, SAY_S = 120.0, 30.0


@dataclass(frozen=True)
class Budget:
    name: str
    seconds: float
    file: Path  # the checkpoint: a stage that was broken off goes on from there


class Optimizer:
    """Muon for kernels and for the matrices inside the blocks, AdamW for everything else."""

    def __init__(self, modules: Iterable[nn.Module], muon_rate: float, adam_rate: float) -> None:
        named = [pair for module in modules for pair in module.named_parameters()]
        inner = [values for name, values in named if inside(name, values)]
        chosen = {id(values) for values in inner}
        self.outer = [values for _, values in named if id(values) not in chosen]
        self.parts: list[tuple[torch.optim.Optimizer, float]] = [
            (AdamW(self.outer, 1.0, betas=(0.9, 0.97), weight_decay=0.01), adam_rate)
        ]
        if inner:
            self.parts.append((Muon(inner, 1.0), muon_rate))

    def step(self, loss: torch.Tensor, scale: float) -> None:
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.outer, 1.0)
        for optimizer, rate in self.parts:
            for group in optimizer.param_groups:
                group["lr"] = rate * scale
            optimizer.step()
            optimizer.zero_grad()

    def state(self) -> list[Any]:
        return [optimizer.state_dict() for optimizer, _ in self.parts]

    def load(self, states: list[Any]) -> None:
        for (optimizer, _), state in zip(self.parts, states, strict=True):
            optimizer.load_state_dict(state)


def inside(name: str, values: torch.Tensor) -> bool:
    kernel = values.ndim == 4 and not name.startswith(("stem.0", "fine"))
    return kernel or ("blocks" in name and values.ndim == 2)


def scale_at(progress: float, step: int) -> float:
    """Of the step size: up for a while, level, and down to nearly nothing."""
    down = 1.0 if progress < FLAT else LAST + (1 - LAST) * (1 - progress) / (1 - FLAT)
    return min(1.0, (step + 1) / WARM_UP) * down


def run(
    budget: Budget,
    modules: dict[str, nn.Module],
    optimizer: Optimizer,
    step: Callable[[float], torch.Tensor],
    report: Callable[[], str],
) -> None:
    """Call *step* with the progress, 0 to 1, and descend its loss until the time is up."""
    spent, steps = restored(budget, modules, optimizer)
    log.info("%s begins", budget.name)
    saved = said = spent
    loss_sum, losses = 0.0, 0
    while spent < budget.seconds:
        began = monotonic()
        loss = step(spent / budget.seconds)
        optimizer.step(loss, scale_at(spent / budget.seconds, steps))
        steps, losses, loss_sum = steps + 1, losses + 1, loss_sum + loss.item()
        spent += monotonic() - began
        if spent - said > SAY_S:
            log.info(
                "%s %.0f of %.0f s, step %d, loss %.4f",
                *(budget.name, spent, budget.seconds, steps, loss_sum / losses),
            )
            said, loss_sum, losses = spent, 0.0, 0
        if spent - saved > SAVE_S:
            log.info("%s: %s", budget.name, report())
            save(budget, modules, optimizer, (spent, steps))
            saved = spent
    save(budget, modules, optimizer, (budget.seconds, steps))
    log.info("%s done after %d steps: %s", budget.name, steps, report())


def save(
    budget: Budget, modules: dict[str, nn.Module], optimizer: Optimizer, at: tuple[float, int]
) -> None:
    weights = {name: module.state_dict() for name, module in modules.items()}
    unfinished = budget.file.with_suffix(".part")
    torch.save({"weights": weights, "optimizer": optimizer.state(), "at": at}, unfinished)
    unfinished.replace(budget.file)


def restored(
    budget: Budget, modules: dict[str, nn.Module], optimizer: Optimizer
) -> tuple[float, int]:
    """The seconds and steps that a stage has already had; the weights are put back."""
    if not budget.file.exists():
        return 0.0, 0
    kept = torch.load(budget.file, map_location=DEVICE)
    for name, module in modules.items():
        module.load_state_dict(kept["weights"][name])
    optimizer.load(kept["optimizer"])
    spent, steps = kept["at"]
    log.info("%s goes on after %.0f s", budget.name, spent)
    return spent, steps


def compiled(module: Callable[..., Any]) -> Callable[..., Any]:
    """Twice as fast where there is a C++ compiler."""
    return torch.compile(module) if shutil.which("g++") or DEVICE.type == "cuda" else module


def half() -> AbstractContextManager[Any]:
    """Numbers of half the size, where the processor can multiply them."""
    return torch.autocast(DEVICE.type, torch.bfloat16) if HALF else nullcontext()


def batches(
    numbers: Sequence[int], size: int, dice: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Of *numbers*, each once a round, in a new order each round."""
    while True:
        order = dice.permutation(numbers)
        for start in range(0, len(order) - size + 1, size):
            yield np.sort(order[start : start + size])

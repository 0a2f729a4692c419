"""
Muon: steps whose matrices have been made orthogonal, so that no direction is left behind.

As in PyTorch, but in the precision of the weights (bfloat16, which PyTorch's takes, is a
hundred times slower where a processor has no instructions for it), for kernels of convolutions
too, and for all weights of one shape at once.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

ROUNDS = 5
FACTORS = 3.4445, -4.7750, 2.0315  # of the polynomial that moves singular values towards 1
LIKE_ADAM = 0.2  # the size of a step's numbers, so that the rates of both mean the same
SMALL = 1e-7


class Muon(torch.optim.Optimizer):
    def __init__(
        self, weights: Iterable[Tensor], lr: float, decay: float = 0.02, momentum: float = 0.95
    ) -> None:
        super().__init__(weights, {"lr": lr, "decay": decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    by_shape.setdefault(weight.shape, []).append(weight)
            for same in by_shape.values():
                self._descend(same, group)

    def _descend(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        moves = []
        for weight in weights:
            mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
            mean.lerp_(weight.grad, 1 - momentum)
            moves.append(weight.grad.lerp(mean, momentum).flatten(1))
        steps = orthogonal(torch.stack(moves))
        rate = group["lr"] * LIKE_ADAM * max(steps.shape[1:]) ** 0.5
        for weight, step in zip(weights, steps, strict=True):
            weight.mul_(1 - group["lr"] * group["decay"])
            weight.sub_(rate * step.view_as(weight))


def orthogonal(moves: Tensor) -> Tensor:
    """
    The nearest matrices (how many, rows, columns) whose singular values are about 1.

    All factors are polynomials of one square matrix, so the long sides are multiplied twice only.
    """
    tall = moves.shape[1] > moves.shape[2]
    rows = moves.mT if tall else moves
    rows = rows / (rows.norm(dim=(1, 2), keepdim=True) + SMALL)
    square, product = rows @ rows.mT, None
    first, second, third = FACTORS
    for _ in range(ROUNDS):
        factor = second * square + third * square @ square
        factor.diagonal(dim1=1, dim2=2).add_(first)
        product = factor if product is None else factor @ product
        square = factor @ factor @ square
    rows = product @ rows
    return rows.mT if tall else rows

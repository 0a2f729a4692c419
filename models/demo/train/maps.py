"""
Labels as maps over the cells of a picture.

A thing's middle is shared out among the four nearest cells of its third of the picture, so
that the sum over the cells of a third is the number of things there. There is a channel for
each kind and colour. Of what is hardly in view, a part is counted.
"""

import torch
from torch import Tensor

from models.demo.train.labels import CHANNELS, COLOURS, MOST, NAMED, PAINTED, Labels
from models.demo.train.sizes import FINE, GRID

COVERED = 0.3  # of a cell, for its colour to be that of the thing
KIND_OF_CHANNEL = torch.tensor([NAMED.index(kind) for kind, _ in CHANNELS])
COLOUR_OF_CHANNEL = torch.tensor([COLOURS.index(c) if c else -1 for _, c in CHANNELS])
# Where a channel's colour stands among those of all painted kinds; behind them, for no colour.
SHARE_OF_CHANNEL = torch.tensor(
    [
        PAINTED.index(kind) * len(COLOURS) + COLOURS.index(colour)
        if colour
        else len(PAINTED) * len(COLOURS)
        for kind, colour in CHANNELS
    ]
)
# The other way round: of each kind and colour; behind the last channel where there is none.
CHANNEL_OF_COLOUR = torch.tensor(
    [
        CHANNELS.index((kind, colour)) if kind in PAINTED else len(CHANNELS)
        for kind in NAMED
        for colour in COLOURS
    ]
)
PAINTED_CHANNELS = torch.tensor([n for n, (_, colour) in enumerate(CHANNELS) if colour])


def by_kind(mass: Tensor) -> Tensor:
    """From (..., channels) to (..., kinds): of whatever colour."""
    kinds = mass.new_zeros(*mass.shape[:-1], len(NAMED))
    return kinds.index_add_(-1, KIND_OF_CHANNEL.to(mass.device), mass)


def middles(labels: Labels) -> Tensor:
    """(scenes, cells, channels): how much of a middle lies in each cell of GRID."""
    columns, rows = GRID
    boxes, kinds = torch.from_numpy(labels.boxes), torch.from_numpy(labels.channels)
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    mass = torch.zeros(len(boxes), rows, columns, len(CHANNELS))
    scene, place = torch.nonzero(kinds >= 0, as_tuple=True)
    channel, count = kinds[scene, place], torch.from_numpy(labels.counts)[scene, place]
    third = columns // 3
    first = (middle[scene, place, 0] * 3).floor().clamp(0, 2) * third
    x = (middle[scene, place, 0] * columns - 0.5).clamp(first, first + third - 1)
    y = middle[scene, place, 1] * rows - 0.5
    for column, across in shares(x, columns):
        for row, down in shares(y, rows):
            mass.index_put_((scene, row, column, channel), count * across * down, accumulate=True)
    return mass.flatten(1, 2)


def shares(at: Tensor, cells: int) -> list[tuple[Tensor, Tensor]]:
    """The two nearest cells, and the share of each; beyond the edge, all is the outer cell's."""
    first = at.floor()
    beyond = at - first
    return [
        (first.clamp(0, cells - 1).long(), 1 - beyond),
        ((first + 1).clamp(0, cells - 1).long(), beyond),
    ]


def fine(labels: Labels) -> tuple[Tensor, Tensor, Tensor]:
    """
    For the trunk, on the cells of FINE: which kinds cover a cell (scenes, kinds, rows,
    columns), in which cell the middle of each is, and each cell's colour or -1.
    """
    columns, rows = FINE
    boxes, channels = torch.from_numpy(labels.boxes), torch.from_numpy(labels.channels)
    share = covered(boxes[..., 1], boxes[..., 3], rows)[..., :, None]
    share = share * covered(boxes[..., 0], boxes[..., 2], columns)[..., None, :]
    cover = torch.zeros(len(boxes), len(NAMED), rows, columns)
    middle = torch.zeros_like(cover)
    colour = torch.full((len(boxes), rows, columns), -1)
    for place in range(MOST):
        scene = torch.nonzero(channels[:, place] >= 0)[:, 0]
        channel, part = channels[scene, place], share[scene, place]
        kind = KIND_OF_CHANNEL[channel]
        cover[scene, kind] = torch.maximum(cover[scene, kind], part)
        box = boxes[scene, place]
        row = ((box[:, 1] + box[:, 3]) / 2 * rows).long().clamp(0, rows - 1)
        column = ((box[:, 0] + box[:, 2]) / 2 * columns).long().clamp(0, columns - 1)
        count = torch.from_numpy(labels.counts)[scene, place]
        cell = scene, kind, row, column
        middle[cell] = torch.maximum(middle[cell], count)
        painted = COLOUR_OF_CHANNEL[channel][:, None, None].expand_as(part)
        colour[scene] = torch.where(part > COVERED, painted, colour[scene])
    return cover, middle, colour


def covered(start: Tensor, end: Tensor, cells: int) -> Tensor:
    """How much of each cell along one side lies between *start* and *end*."""
    edges = torch.arange(cells + 1)
    inner = torch.minimum(edges[1:], end[..., None] * cells)
    return (inner - torch.maximum(edges[:-1], start[..., None] * cells)).clamp(0, 1)

"""The network: eyes that turn a picture into tokens, and a language model that reads them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.demo.train.labels import AROUND, CHANNELS, LIGHTS, NAMED
from models.demo.train.sizes import (
    CELLS,
    GRID,
    HEAD,
    HEADS,
    LANGUAGE_BLOCKS,
    LANGUAGE_HIDDEN,
    PICTURE_TOKENS,
    ROPE_BASE,
    STEM,
    TRUNK,
    VISION_BLOCKS,
    VISION_HIDDEN,
    WIDTH,
)

SEEN = len(CHANNELS) + AROUND  # numbers that say all there is to say of one cell
COLUMN, THIRDS = len(CHANNELS), 3 * len(CHANNELS)
FAINT = 0.04  # what is seen more weakly in a cell does not add up
FINE_LABELS = 2 * len(NAMED) + 6
EPSILON = 1e-5


class Convolution(nn.Sequential):
    def __init__(self, come: int, go: int, size: int = 3, stride: int = 1) -> None:
        layer = nn.Conv2d(come, go, size, stride, (size - 1) // 2, bias=False)
        super().__init__(layer, nn.BatchNorm2d(go))


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = Convolution(channels, channels), Convolution(channels, channels)

    def forward(self, picture: Tensor) -> Tensor:
        return F.relu(picture + self.second(F.relu(self.first(picture))))


class VisionBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query_key_value = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, VISION_HIDDEN), nn.Linear(VISION_HIDDEN, WIDTH)

    def forward(self, rows: Tensor) -> Tensor:
        query, key, value = by_head(self.query_key_value(self.norm_1(rows)))
        mixed = attention(query, key, value)
        rows = rows + self.out(mixed.transpose(1, 2).flatten(2))
        return rows + self.down(F.gelu(self.up(self.norm_2(rows)), approximate="tanh"))


class Eyes(nn.Module):
    """A picture (batch, 3, height, width), -1 to 1, to features (batch, CELLS, WIDTH)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            Convolution(3, STEM[0], 4, 2), nn.ReLU(), Convolution(*STEM, 3, 2), nn.ReLU()
        )
        self.near = Residual(STEM[1])
        self.shrink = Convolution(STEM[1], TRUNK, 3, 2)
        self.trunk = nn.Sequential(Residual(TRUNK), Residual(TRUNK))
        self.fine = nn.Conv2d(TRUNK, FINE_LABELS, 1)  # only while learning
        self.gather = nn.Conv2d(TRUNK, WIDTH, 2, 2)
        self.places = nn.Parameter(torch.randn(CELLS, WIDTH) * 0.02)
        self.blocks = nn.ModuleList(VisionBlock() for _ in range(VISION_BLOCKS))
        self.norm = nn.LayerNorm(WIDTH)
        self.see = nn.Linear(WIDTH, SEEN)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The features, the logits of what is in each cell, and those of the trunk."""
        trunk = self.trunk(F.relu(self.shrink(self.near(self.stem(pixels)))))
        rows = self.gather(trunk).flatten(2).transpose(1, 2) + self.places
        for block in self.blocks:
            rows = block(rows)
        rows = self.norm(rows)
        return rows, self.see(rows), self.fine(trunk)


def seen(logits: Tensor) -> Tensor:
    """From what the eyes say of each cell to what the labels say: middles, light, weather."""
    kinds, around = len(CHANNELS), logits[..., len(CHANNELS) :].mean(1, keepdim=True)
    light, weather = around[..., : len(LIGHTS)].softmax(-1), around[..., len(LIGHTS) :].softmax(-1)
    spread = torch.cat([light, weather], -1).expand(-1, logits.shape[1], -1)
    return torch.cat([2 * logits[..., :kinds].sigmoid(), spread], -1)


class Projector(nn.Module):
    """
    What is seen, and the features behind it, as tokens of the language model.

    A token is a column of cells; each also knows what each third of the picture adds up to,
    so that most questions can be answered wherever the language model looks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen = nn.Linear(COLUMN + THIRDS + AROUND, WIDTH)
        self.features = nn.Linear(WIDTH, WIDTH, bias=False)
        self.places = nn.Parameter(torch.randn(PICTURE_TOKENS, WIDTH) * 0.05)
        nn.init.zeros_(self.features.weight)

    def forward(self, what: Tensor, features: Tensor | None = None) -> Tensor:
        rows = self.seen(summed(what)) + self.places
        if features is None:
            return rows
        return rows + self.features(features.unflatten(1, (GRID[1], GRID[0])).mean(1))


def summed(what: Tensor) -> Tensor:
    """From each cell (batch, CELLS, SEEN) to each column: its sum, that of the thirds, around."""
    mass = F.relu(what[..., :COLUMN] - FAINT).unflatten(1, (GRID[1], GRID[0])).sum(1)
    thirds = mass.unflatten(1, (3, GRID[0] // 3)).sum(2).flatten(1)
    around = what[:, : GRID[0], COLUMN:]
    return torch.cat([mass, thirds[:, None].expand(-1, GRID[0], -1), around], -1)


class LanguageBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = (nn.RMSNorm(WIDTH, eps=EPSILON) for _ in range(2))
        self.query_key_value = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.gate_up = nn.Linear(WIDTH, 2 * LANGUAGE_HIDDEN, bias=False)
        self.down = nn.Linear(LANGUAGE_HIDDEN, WIDTH, bias=False)

    def forward(self, rows: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        query, key, value = by_head(self.query_key_value(self.norm_1(rows)))
        query, key = turned(query, turn), turned(key, turn)
        mixed = attention(query, key, value, mask)
        rows = rows + self.out(mixed.transpose(1, 2).flatten(2))
        gate, up = self.gate_up(self.norm_2(rows)).chunk(2, -1)
        return rows + self.down(F.silu(gate) * up)


class Language(nn.Module):
    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.words = nn.Embedding(tokens, WIDTH)
        self.blocks = nn.ModuleList(LanguageBlock() for _ in range(LANGUAGE_BLOCKS))
        self.norm = nn.RMSNorm(WIDTH, eps=EPSILON)
        nn.init.normal_(self.words.weight, std=0.05)

    def forward(self, rows: Tensor, places: Tensor, mask: Tensor) -> Tensor:
        """*rows* (batch, length, WIDTH) behind all blocks; *mask* is added to the attention."""
        turn = rotation(places, rows.dtype)
        for block in self.blocks:
            rows = block(rows, turn, mask)
        return rows

    def logits(self, rows: Tensor) -> Tensor:
        return F.linear(self.norm(rows), self.words.weight.to(rows.dtype))


def by_head(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(batch, length, 3 * WIDTH) to three of (batch, HEADS, length, HEAD)."""
    batch, length, _ = rows.shape
    query, key, value = rows.view(batch, length, 3, HEADS, HEAD).permute(2, 0, 3, 1, 4)
    return query, key, value


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """By hand: compiled, it takes half the time of PyTorch's own on a CPU."""
    scores = torch.matmul(query * HEAD**-0.5, key.transpose(-1, -2))
    if mask is not None:
        scores = scores + mask
    return torch.matmul(torch.softmax(scores, -1, dtype=scores.dtype), value)


def rotation(places: Tensor, kind: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosine and sine of each place (batch, length)."""
    speeds = 1 / ROPE_BASE ** (torch.arange(0, HEAD, 2, device=places.device).float() / HEAD)
    angles = places[..., None].float() * speeds
    both = torch.cat([angles, angles], -1)[:, None]
    return both.cos().to(kind), both.sin().to(kind)


def turned(rows: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    first, second = rows.chunk(2, -1)
    return rows * turn[0] + torch.cat([-second, first], -1) * turn[1]

"""The network: eyes that turn a picture into tokens, and a language model that reads them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from capture.demo.scene import KINDS
from models.demo.train.labels import AROUND, CHANNELS, COLOURS, LIGHTS, NAMED, PAINTED
from models.demo.train.maps import CHANNEL_OF_COLOUR, KIND_OF_CHANNEL, SHARE_OF_CHANNEL, by_kind
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

SHARES = len(PAINTED) * len(COLOURS)
SEEN = len(NAMED) + SHARES + AROUND  # numbers that say all there is to say of one cell
FAINT = 0.01  # what is seen more weakly in a cell does not add up
LEVELS, MOST_LEVELS = 2, 4  # how far things of one kind and colour are counted, and all of a kind
UNSURE = 0.1  # of a number: what is nearer than this to a whole one is that
SUMS = 4  # three thirds of the picture, and all of it
IN_A_PLACE = len(CHANNELS) * LEVELS + (len(NAMED) + 1) * MOST_LEVELS
OF_A_KIND = SUMS * (len(COLOURS) * LEVELS + MOST_LEVELS)
FINE_LABELS = 2 * len(NAMED) + 6
SELDOM = -4.0
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
            Convolution(6, STEM[0], 4, 2), nn.ReLU(), Convolution(*STEM, 3, 2), nn.ReLU()
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
        with torch.no_grad():  # most of a picture is empty, which need not be learned
            self.see.bias[: len(NAMED)] = SELDOM
            self.fine.bias[: 2 * len(NAMED)] = SELDOM

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The features, the logits of what is in each cell, and those of the trunk."""
        trunk = self.trunk(F.relu(self.shrink(self.near(self.stem(evened(pixels))))))
        rows = self.gather(trunk).flatten(2).transpose(1, 2) + self.places
        for block in self.blocks:
            rows = block(rows)
        rows = self.norm(rows)
        return rows, self.see(rows), self.fine(trunk)


def evened(pixels: Tensor) -> Tensor:
    """The picture, and beside it the same with the light evened out, as if it were always day."""
    middle = pixels.mean((2, 3), keepdim=True)
    spread = (pixels - middle).square().mean((1, 2, 3), keepdim=True).sqrt() + EPSILON
    return torch.cat([pixels, 0.5 * (pixels - middle) / spread], 1)


def parts(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What the eyes say of each cell: its kinds, the colour of each painted kind, around it."""
    kinds, colours, around = logits.split([len(NAMED), SHARES, AROUND], -1)
    return kinds, colours.unflatten(-1, (len(PAINTED), len(COLOURS))), around


def seen(logits: Tensor) -> Tensor:
    """From what the eyes say of each cell to what the labels say: middles, light, weather."""
    kinds, colours, around = parts(logits)
    shares = F.pad(colours.softmax(-1).flatten(-2), (0, 1), value=1.0)
    mass = 2 * kinds.sigmoid()[..., KIND_OF_CHANNEL] * shares[..., SHARE_OF_CHANNEL]
    light, weather = around.mean(1, keepdim=True).split([len(LIGHTS), AROUND - len(LIGHTS)], -1)
    spread = torch.cat([light.softmax(-1), weather.softmax(-1)], -1)
    return torch.cat([mass, spread.expand(-1, logits.shape[1], -1)], -1)


class Projector(nn.Module):
    """
    What is seen, and the features behind it, as tokens of the language model.

    Of each third of the picture and of the whole: what is there. Light and weather. Of each
    kind: how many of which colour are where. So whatever is asked about finds one token.
    """

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Linear(IN_A_PLACE, WIDTH)
        self.around = nn.Linear(AROUND, WIDTH)
        self.kinds = nn.Linear(OF_A_KIND, WIDTH)
        self.features = nn.Linear(WIDTH, WIDTH, bias=False)
        self.names = nn.Parameter(torch.randn(PICTURE_TOKENS, WIDTH) * 0.05)
        nn.init.zeros_(self.features.weight)

    def forward(self, what: Tensor, features: Tensor | None = None) -> Tensor:
        mass, around = what[..., : len(CHANNELS)], what[:, :1, len(CHANNELS) :]
        sums = added_up(F.relu(mass - FAINT))
        places = self.places(in_places(sums))
        if features is not None:
            places = places + self.features(added_up(features) / CELLS)
        rows = [places, self.around(around), self.kinds(of_kinds(sums))]
        return torch.cat(rows, 1) + self.names


def added_up(cells: Tensor) -> Tensor:
    """(batch, CELLS, numbers) to (batch, SUMS, numbers)."""
    thirds = cells.unflatten(1, (GRID[1], 3, GRID[0] // 3)).sum((1, 3))
    return torch.cat([thirds, thirds.sum(1, keepdim=True)], 1)


def in_places(sums: Tensor) -> Tensor:
    """From (batch, SUMS, channels) to what each sum has one, two and more of."""
    kinds = by_kind(sums)
    everything = kinds[..., : len(KINDS)].sum(-1, keepdim=True)
    many = torch.cat([kinds, everything], -1)
    return torch.cat([levels(sums, LEVELS), levels(many, MOST_LEVELS)], -1)


def of_kinds(sums: Tensor) -> Tensor:
    """From (batch, SUMS, channels) to (batch, kinds, OF_A_KIND)."""
    coloured = F.pad(sums, (0, 1))[..., CHANNEL_OF_COLOUR].unflatten(-1, (len(NAMED), -1))
    counts = [levels(coloured, LEVELS), levels(by_kind(sums)[..., None], MOST_LEVELS)]
    return torch.cat(counts, -1).transpose(1, 2).flatten(2)


def levels(numbers: Tensor, most: int) -> Tensor:
    """Of each number: whether it is one at least, two at least, and so on; level after level."""
    steps = [(numbers - level - UNSURE) / (1 - 2 * UNSURE) for level in range(most)]
    return torch.cat([step.clamp(0, 1) for step in steps], -1)


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

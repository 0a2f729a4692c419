"""What the demo camera looks at, as data: a yard, its light and the things in it.

Positions are in world coordinates, 1280 by 720, whatever the size of the picture.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

Kind = Literal["person", "car", "truck", "dog", "bicycle", "box", "fire"]
ColourName = Literal["red", "yellow", "green", "blue", "white", "black"]
LightName = Literal["day", "dusk", "night"]
Rgb = tuple[float, float, float]

WIDTH, HEIGHT = 1280, 720
KINDS: tuple[Kind, ...] = get_args(Kind)
PAINTS: dict[ColourName, Rgb] = {
    "red": (205, 35, 35),
    "yellow": (228, 200, 35),
    "green": (35, 140, 55),
    "blue": (40, 75, 205),
    "white": (238, 238, 238),
    "black": (24, 24, 26),
}
HEIGHT_OF_WIDTH: dict[Kind, float] = {
    "person": 2.4,
    "car": 0.42,
    "truck": 0.52,
    "dog": 0.68,
    "bicycle": 0.62,
    "box": 0.8,
    "fire": 1.15,
}


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    def common(self, other: "Box") -> "Box":
        """What both cover; its area is 0 when they do not touch."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )


@dataclass(frozen=True)
class Looks:
    """How people differ, apart from the colour of what they wear."""

    trousers: Rgb = (45, 50, 75)
    skin: Rgb = (205, 155, 115)
    hair: Rgb = (40, 28, 20)


@dataclass(frozen=True)
class Thing:
    """Something in the yard. It stands on the line *y*, centred on *x*."""

    kind: Kind
    x: float
    y: float
    width: float
    paint: Rgb
    colour: ColourName | None = None  # the word for the paint; of a person, for the clothes
    flip: bool = False
    phase: float = 0.0  # of a step, or of a flame; 0 to 1
    looks: Looks = Looks()

    @property
    def box(self) -> Box:
        half, height = self.width / 2, self.width * HEIGHT_OF_WIDTH[self.kind]
        return Box(self.x - half, self.y - height, self.x + half, self.y)


@dataclass(frozen=True)
class Lamp:
    """A lamp that brightens part of the night, in sixteenths of the picture's width."""

    x: float
    y: float
    reach: float


@dataclass(frozen=True)
class Lighting:
    name: LightName
    sky: tuple[Rgb, Rgb]  # at the top, at the horizon; before gain and tint
    gain: float
    tint: Rgb = (1.0, 1.0, 1.0)
    lamp: Lamp | None = None

    @property
    def night(self) -> bool:
        return self.name == "night"

    @property
    def lamps_on(self) -> bool:
        return self.name != "day"


@dataclass(frozen=True)
class Backdrop:
    """A yard in one light. The seed decides what is built there, whatever the light."""

    seed: int
    lighting: Lighting


@dataclass(frozen=True)
class Scene:
    backdrop: Backdrop
    things: tuple[Thing, ...] = ()
    noise: float = 0.0  # standard deviation of the sensor's noise, in grey levels
    fades_to: Backdrop | None = None
    faded: float = 0.0  # how far, 0 to 1


def overlap(one: Thing, other: Thing) -> float:
    """How much of the smaller of the two lies in the other's box, 0 to 1."""
    a, b = one.box, other.box
    return a.common(b).area / min(a.area, b.area)

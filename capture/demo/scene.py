"""What the demo camera looks at, as data: a yard, its light and the things in it.

Positions are in world coordinates, 1280 by 720, whatever the size of the picture.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

Kind = Literal["person", "car", "truck", "dog", "bicycle", "box", "fire"]
DecoyKind = Literal["statue", "scarecrow", "poster", "hedge"]
ColourName = Literal["red", "yellow", "green", "blue", "white", "black"]
LightName = Literal["day", "dusk", "night"]
Rgb = tuple[float, float, float]

WIDTH, HEIGHT = 1280, 720
KINDS: tuple[Kind, ...] = get_args(Kind)
DECOYS: tuple[DecoyKind, ...] = get_args(DecoyKind)
PAINTS: dict[ColourName, Rgb] = {
    "red": (205, 35, 35),
    "yellow": (228, 200, 35),
    "green": (35, 140, 55),
    "blue": (40, 75, 205),
    "white": (238, 238, 238),
    "black": (24, 24, 26),
}
HEIGHT_OF_WIDTH: dict[Kind | DecoyKind, float] = {
    "person": 2.4,
    "car": 0.42,
    "truck": 0.52,
    "dog": 0.68,
    "bicycle": 0.62,
    "box": 0.8,
    "fire": 1.15,
    "statue": 2.5,
    "scarecrow": 1.5,
    "poster": 0.8,
    "hedge": 0.7,
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
        return standing(self.kind, self.x, self.y, self.width)


@dataclass(frozen=True)
class Decoy:
    """What looks like a thing and is none: no answer may count it. A hedge only hides things."""

    kind: DecoyKind
    x: float
    y: float
    width: float
    paint: Rgb  # of the stone, the straw, the car on the poster, the leaves
    flip: bool = False

    @property
    def box(self) -> Box:
        return standing(self.kind, self.x, self.y, self.width)


def standing(kind: Kind | DecoyKind, x: float, y: float, width: float) -> Box:
    half, height = width / 2, width * HEIGHT_OF_WIDTH[kind]
    return Box(x - half, y - height, x + half, y)


@dataclass(frozen=True)
class Lamp:
    """A lamp that brightens part of the night, in sixteenths of the picture's width."""

    x: float
    y: float
    reach: float


@dataclass(frozen=True)
class Sun:
    """A low red sun, which is no fire. *height* is above the horizon, of its middle."""

    x: float
    height: float
    radius: float


@dataclass(frozen=True)
class Lighting:
    name: LightName
    sky: tuple[Rgb, Rgb]  # at the top, at the horizon; before gain and tint
    gain: float
    tint: Rgb = (1.0, 1.0, 1.0)
    lamp: Lamp | None = None
    sun: Sun | None = None

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
class Glare:
    """Light that falls into the lens: a bright spot, in world coordinates."""

    x: float
    y: float
    reach: float
    strength: float  # 0 to 1


@dataclass(frozen=True)
class Conditions:
    """What comes between the yard and its picture: nothing, unless it is asked for."""

    rain: float = 0.0  # 0 to 1
    fog: float = 0.0  # 0 to 1; at 1 the far end of the yard cannot be seen
    glare: Glare | None = None
    shake: float = 0.0  # how far the camera moves between shots, in world pixels
    brightness: float = 1.0
    jpeg: int | None = None  # quality; None: never compressed


CLEAR = Conditions()


@dataclass(frozen=True)
class Scene:
    backdrop: Backdrop
    things: tuple[Thing, ...] = ()
    noise: float = 0.0  # standard deviation of the sensor's noise, in grey levels
    fades_to: Backdrop | None = None
    faded: float = 0.0  # how far, 0 to 1
    decoys: tuple[Decoy, ...] = ()
    conditions: Conditions = CLEAR

    @property
    def standing(self) -> tuple[Thing | Decoy, ...]:
        """Everything in the yard, counted or not."""
        return (*self.things, *self.decoys)


def overlap(one: Thing | Decoy, other: Thing | Decoy) -> float:
    """How much of the smaller of the two lies in the other's box, 0 to 1."""
    a, b = one.box, other.box
    return a.common(b).area / min(a.area, b.area)

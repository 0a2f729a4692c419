"""What is right to say about a scene, so that answers about it can be checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from capture.demo.scene import HEIGHT, WIDTH, Box, ColourName, Decoy, Kind, LightName, Scene, Thing

Place = Literal["left", "middle", "right"]
PLACES: tuple[Place, ...] = ("left", "middle", "right")
FRAME = Box(0, 0, WIDTH, HEIGHT)
MOST_HIDDEN = 0.12


@dataclass(frozen=True)
class Seen:
    kind: Kind
    colour: ColourName | None  # of a person, the clothes; dogs and fires have none
    place: Place


@dataclass(frozen=True)
class Truth:
    """Things wholly in view. While *steady*, nothing moves and no answer is arguable."""

    seen: tuple[Seen, ...]
    light: LightName
    steady: bool

    @property
    def night(self) -> bool:
        return self.light == "night"

    def of_kind(self, kind: Kind) -> tuple[Seen, ...]:
        return tuple(seen for seen in self.seen if seen.kind == kind)

    def count(self, kind: Kind) -> int:
        return len(self.of_kind(kind))

    def has(self, kind: Kind) -> bool:
        return self.count(kind) > 0

    def colour_of(self, kind: Kind) -> ColourName | None:
        """None where there is none, or not one colour."""
        colours = {seen.colour for seen in self.of_kind(kind)}
        return colours.pop() if len(colours) == 1 else None

    def where(self, kind: Kind) -> Place | None:
        """None where there is none, or not in one place."""
        places = {seen.place for seen in self.of_kind(kind)}
        return places.pop() if len(places) == 1 else None


def things_in_view(scene: Scene) -> tuple[Seen, ...]:
    return tuple(
        Seen(thing.kind, thing.colour, place_of(thing))
        for thing in scene.things
        if in_view(thing, scene.things)
    )


def in_view(thing: Thing, things: tuple[Thing, ...]) -> bool:
    """Not cut off by the frame, and hardly hidden by what stands nearer."""
    whole = thing.box.area
    hidden = max(
        (thing.box.common(near.box).area for near in things if near.y > thing.y), default=0
    )
    return thing.box.common(FRAME).area == whole and hidden <= MOST_HIDDEN * whole


def visible_share(thing: Thing | Decoy, others: Sequence[Thing | Decoy]) -> float:
    """How much of its box is in the frame and not hidden by the one that hides most, 0 to 1."""
    inside = thing.box.common(FRAME).area
    hidden = max(
        (thing.box.common(near.box).area for near in others if near.y > thing.y), default=0
    )
    return (inside - hidden) / thing.box.area


def place_of(thing: Thing) -> Place:
    return PLACES[min(2, max(0, int(thing.x * 3 / WIDTH)))]

"""What is true of a scene, as far as questions are asked about it."""

from dataclasses import dataclass, replace
from typing import Literal

from capture.demo.scene import ColourName, DecoyKind, Kind, LightName, Scene
from capture.demo.truth import PLACES, Place, Seen, place_of

Weather = Literal["rain", "fog"]


@dataclass(frozen=True)
class Facts:
    seen: tuple[Seen, ...]
    light: LightName
    weather: Weather | None = None
    decoys: frozenset[DecoyKind] = frozenset()  # without hedges, which nobody mistakes for a thing
    sun: bool = False  # a red one

    def count(self, kind: Kind) -> int:
        return sum(seen.kind == kind for seen in self.seen)

    def of(
        self, kind: Kind, colour: ColourName | None = None, place: Place | None = None
    ) -> tuple[Seen, ...]:
        return tuple(
            seen
            for seen in self.seen
            if seen.kind == kind and colour in (None, seen.colour) and place in (None, seen.place)
        )

    def mirrored(self) -> "Facts":
        other: dict[Place, Place] = dict(zip(PLACES, reversed(PLACES), strict=True))
        return replace(
            self, seen=tuple(replace(seen, place=other[seen.place]) for seen in self.seen)
        )


def facts_of(scene: Scene) -> Facts:
    """Of a scene by `random_world`, which shows of each thing enough to be named."""
    weather: Weather | None = "rain" if scene.conditions.rain else None
    if scene.conditions.fog:
        weather = "fog"  # which hides the rain
    lighting = scene.backdrop.lighting
    return Facts(
        tuple(Seen(thing.kind, thing.colour, place_of(thing)) for thing in scene.things),
        lighting.name,
        weather,
        frozenset(decoy.kind for decoy in scene.decoys) - {"hedge"},
        lighting.sun is not None,
    )

"""Drawn films for measuring alerts: who comes and goes is drawn by lot, and so is known."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from capture.demo.dice import Dice
from capture.demo.random_scene import (
    LOTS,
    MOST_OVERLAP,
    random_jpeg_quality,
    random_lighting,
    random_thing,
)
from capture.demo.render import Renderer
from capture.demo.scene import (
    KINDS,
    WIDTH,
    Backdrop,
    Kind,
    Lighting,
    LightName,
    Scene,
    Thing,
    overlap,
)
from capture.demo.script import thing_at
from capture.demo.story import DUSK, Role, Span
from capture.demo.truth import in_view, things_in_view
from capture.demo.weather import compressed
from compose.replay.labels import merged
from compose.replay.recording import Moment
from compose.replay.spans import Truth

SEED = 77_000_000  # of the first film: neither the demo camera nor its tests come near it
SIZE = 640, 360
FPS = 4.0
COMING_S = 1.0  # how long a thing is only partly to be seen
STAYS_S = 4.0, 12.0
APART_S = 2.0, 11.0  # from one thing's coming to the next
MOST_AT_ONCE = 3
ARGUABLE_S = 1.0  # a thing that is hidden for less is there all the time


@dataclass(frozen=True)
class Film:
    light: LightName
    backdrop: Backdrop
    roles: tuple[Role, ...]
    seconds: float
    noise: float
    quality: int | None  # of its JPEGs; None: never compressed

    def scene(self, at_s: float) -> Scene:
        seen = [role for role in self.roles if role.comes.starts <= at_s < role.goes.ends]
        return Scene(self.backdrop, tuple(thing_at(one, at_s) for one in seen), self.noise)

    def moments(self) -> Iterator[Moment]:
        renderer = Renderer(*SIZE)
        for number, at_s in enumerate(self._times(), 1):
            picture = renderer.render(self.scene(at_s), number)
            yield Moment(at_s, number, compressed(picture, self.quality))

    def truths(self, kind: Kind) -> list[Truth]:
        """When one of that kind is in view, wholly and hardly hidden."""
        step_s = 1 / FPS
        seen = [
            Truth(at_s, at_s + step_s + ARGUABLE_S)
            for at_s in self._times()
            if any(one.kind == kind for one in things_in_view(self.scene(at_s)))
        ]
        return [truth._replace(to_s=truth.to_s - ARGUABLE_S) for truth in merged(seen)]

    def _times(self) -> list[float]:
        return [number / FPS for number in range(int(self.seconds * FPS))]


def film(number: int, light: LightName, seconds: float) -> Film:
    """The same each time for the same *number* and *light*."""
    dice = Dice(SEED + number, f"film {light}")
    return Film(
        light,
        Backdrop(SEED + dice.randrange(1 << 20), lighting(dice, light)),
        tuple(roles(dice, seconds)),
        seconds,
        noise=dice.choice((0, 2, 4, 6, 9)),
        quality=random_jpeg_quality(dice),
    )


def lighting(dice: Dice, light: LightName) -> Lighting:
    if light == "dusk":
        return replace(DUSK.lighting, gain=dice.uniform(0.7, 0.9))
    return random_lighting(dice, night=light == "night")


def roles(dice: Dice, seconds: float) -> Iterator[Role]:
    """Things of all kinds; those that nobody asks about are there to be mistaken for others."""
    present: list[Role] = []
    at_s = dice.uniform(*APART_S)
    while at_s + STAYS_S[1] + 2 * COMING_S < seconds:
        present = [one for one in present if one.goes.ends > at_s]
        if len(present) < MOST_AT_ONCE and (thing := placed(dice, present)):
            role = coming(dice, thing, at_s)
            present.append(role)
            yield role
        at_s += dice.uniform(*APART_S)


def placed(dice: Dice, present: list[Role]) -> Thing | None:
    """A thing that is wholly to be seen with those *present*; None when there is no room."""
    kind = dice.choice(KINDS)
    for _ in range(LOTS):
        things = random_thing(dice, kind), *(role.thing for role in present)
        apart = all(overlap(things[0], other) <= MOST_OVERLAP for other in things[1:])
        if apart and all(in_view(thing, things) for thing in things):
            return things[0]
    return None


def coming(dice: Dice, thing: Thing, at_s: float) -> Role:
    """It comes from one side and leaves by any; a fire grows where it is."""
    comes = Span(at_s, at_s + COMING_S)
    leaves_s = comes.ends + dice.uniform(*STAYS_S)
    sides = -thing.width, WIDTH + thing.width
    from_x, to_x = dice.choice(sides), dice.choice(sides)
    return Role(thing, comes, Span(leaves_s, leaves_s + COMING_S), from_x, to_x)

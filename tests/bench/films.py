"""Drawn films for measuring alerts: who comes and goes is drawn by lot, and so is known."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from capture.demo.bad_weather import CLOUDS, CLOUDS_S
from capture.demo.dice import Dice
from capture.demo.random_scene import LOTS, MOST_OVERLAP, random_thing
from capture.demo.random_world import SEEN, Condition, random_world
from capture.demo.render import Renderer
from capture.demo.scene import (
    KINDS,
    WIDTH,
    Backdrop,
    Conditions,
    Decoy,
    Kind,
    Scene,
    Thing,
    overlap,
)
from capture.demo.script import thing_at
from capture.demo.story import Role, Span
from capture.demo.truth import visible_share
from compose.replay.labels import while_so
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
    condition: Condition
    backdrop: Backdrop
    roles: tuple[Role, ...]
    seconds: float
    noise: float
    conditions: Conditions
    decoys: tuple[Decoy, ...]

    def scene(self, at_s: float) -> Scene:
        seen = [role for role in self.roles if role.comes.starts <= at_s < role.goes.ends]
        things = tuple(thing_at(one, at_s) for one in seen)
        return Scene(
            self.backdrop,
            things,
            self.noise,
            decoys=self.decoys,
            conditions=replace(self.conditions, brightness=self._brightness(at_s)),
        )

    def _brightness(self, at_s: float) -> float:
        """Where the light changes, it does so slowly, as when clouds pass."""
        if self.condition != "brightness":
            return 1.0
        return 1 + CLOUDS * math.sin(at_s * math.tau / CLOUDS_S)

    def moments(self) -> Iterator[Moment]:
        renderer = Renderer(*SIZE)
        for number, at_s in enumerate(self._times(), 1):
            yield Moment(at_s, number, renderer.render(self.scene(at_s), number))

    def truths(self, kind: Kind) -> list[Truth]:
        """When one of that kind is in view, as far as the demo model is taught to see it."""
        shown = [(at_s, shows(self.scene(at_s), kind)) for at_s in self._times()]
        return while_so(shown, 1 / FPS, ARGUABLE_S)

    def _times(self) -> list[float]:
        return [number / FPS for number in range(int(self.seconds * FPS))]


def shows(scene: Scene, kind: Kind) -> bool:
    return any(
        thing.kind == kind and visible_share(thing, scene.standing) >= SEEN
        for thing in scene.things
    )


def film(number: int, condition: Condition, seconds: float) -> Film:
    """The same each time for the same *number* and *condition*."""
    dice = Dice(SEED + number, f"film {condition}")
    # Nothing stands there from the beginning, but hedges need something to stand in front of.
    world = random_world(dice, condition, counts=(3,) if condition == "hidden" else (0,))
    return Film(
        condition,
        world.backdrop,
        tuple(roles(dice, seconds, world.decoys)),
        seconds,
        world.noise,
        world.conditions,
        world.decoys,
    )


def roles(dice: Dice, seconds: float, decoys: Sequence[Decoy]) -> Iterator[Role]:
    """Things of all kinds; those that nobody asks about are there to be mistaken for others."""
    present: list[Role] = []
    at_s = dice.uniform(*APART_S)
    while at_s + STAYS_S[1] + 2 * COMING_S < seconds:
        present = [one for one in present if one.goes.ends > at_s]
        if len(present) < MOST_AT_ONCE and (thing := placed(dice, present, decoys)):
            role = coming(dice, thing, at_s)
            present.append(role)
            yield role
        at_s += dice.uniform(*APART_S)


def placed(dice: Dice, present: Sequence[Role], decoys: Sequence[Decoy]) -> Thing | None:
    """A thing that shows enough of itself with those *present*; None when there is no room."""
    kind = dice.choice(KINDS)
    for _ in range(LOTS):
        things = random_thing(dice, kind), *(role.thing for role in present)
        apart = all(overlap(things[0], other) <= MOST_OVERLAP for other in things[1:])
        if apart and all(visible_share(thing, (*things, *decoys)) >= SEEN for thing in things):
            return things[0]
    return None


def coming(dice: Dice, thing: Thing, at_s: float) -> Role:
    """It comes from one side and leaves by any; a fire grows where it is."""
    comes = Span(at_s, at_s + COMING_S)
    leaves_s = comes.ends + dice.uniform(*STAYS_S)
    sides = -thing.width, WIDTH + thing.width
    from_x, to_x = dice.choice(sides), dice.choice(sides)
    return Role(thing, comes, Span(leaves_s, leaves_s + COMING_S), from_x, to_x)

"""The play the demo camera watches, as data: a yard, three lights, and who comes and goes when.

Between two changes everything stands still for some seconds, so that a question has one answer.
"""

from dataclasses import dataclass, replace

from capture.demo.scene import (
    PAINTS,
    Backdrop,
    ColourName,
    Kind,
    Lamp,
    Lighting,
    Looks,
    Thing,
)

PERIOD_S = 70.0
YARD = 407  # a house, a street lamp, trees and a road
DOG_BROWN, FLAME_ORANGE = (139, 94, 52), (255, 120, 20)
# Out of sight. Vehicles come from farther away, so that they are faster when seen in part.
LEFT, RIGHT = -80.0, 1360.0
FAR_LEFT, FAR_RIGHT = -700.0, 1980.0

DAY = Backdrop(YARD, Lighting("day", ((120, 165, 215), (185, 208, 230)), gain=1.0))
DUSK = Backdrop(
    YARD, Lighting("dusk", ((150, 130, 165), (250, 190, 135)), gain=0.8, tint=(1.06, 0.97, 0.94))
)
NIGHT = Backdrop(
    YARD,
    Lighting("night", ((38, 45, 80), (60, 65, 95)), 0.55, (0.92, 0.97, 1.12), Lamp(5.3, 5, 8)),
)


@dataclass(frozen=True)
class Span:
    """A stretch of time, in seconds from the start of the story."""

    starts: float
    ends: float

    def progress(self, t_s: float) -> float:
        """0 before, 1 after, and gently from one to the other."""
        part = min(1.0, max(0.0, (t_s - self.starts) / (self.ends - self.starts)))
        return part * part * (3 - 2 * part)

    def __contains__(self, t_s: float) -> bool:
        return self.starts <= t_s < self.ends


@dataclass(frozen=True)
class Role:
    """A thing that comes, stands at its place, and goes. A fire grows and dies down instead."""

    thing: Thing
    comes: Span
    goes: Span
    from_x: float
    to_x: float


@dataclass(frozen=True)
class Fade:
    span: Span
    to: Backdrop


def painted(kind: Kind, colour: ColourName, x: float, y: float, width: float) -> Thing:
    return Thing(kind, x, y, width, PAINTS[colour], colour)


RED_PERSON = painted("person", "red", 250, 640, 100)
TRUCK = painted("truck", "blue", 1010, 500, 430)
BOX = painted("box", "green", 1075, 450, 130)
DOG = Thing("dog", 640, 610, 190, DOG_BROWN)
FIRE = Thing("fire", 640, 650, 190, FLAME_ORANGE)
YELLOW_PERSON = painted("person", "yellow", 1190, 480, 90)
CAR = replace(painted("car", "white", 300, 495, 330), flip=True)
BICYCLE = replace(painted("bicycle", "red", 260, 640, 230), flip=True)
BLUE_PERSON = replace(painted("person", "blue", 580, 650, 105), looks=Looks((70, 70, 75)))
GREEN_PERSON = painted("person", "green", 1060, 640, 105)

ROLES = (
    Role(RED_PERSON, Span(3, 5), Span(21, 23), LEFT, LEFT),
    Role(TRUCK, Span(9, 11), Span(15, 17), FAR_RIGHT, FAR_RIGHT),
    # The truck leaves the box behind: it appears while the truck still hides it.
    Role(BOX, Span(14.9, 15), Span(38.5, 40), BOX.x, BOX.x + 360),
    Role(DOG, Span(22, 24.5), Span(28.5, 30), RIGHT + 100, LEFT - 100),
    Role(FIRE, Span(30, 31.5), Span(36, 37.5), FIRE.x, FIRE.x),
    # Who fetches the box pulls it along.
    Role(YELLOW_PERSON, Span(36.5, 38.5), Span(38.5, 40), RIGHT, YELLOW_PERSON.x + 360),
    Role(CAR, Span(44, 46), Span(51, 53), FAR_LEFT, FAR_RIGHT),
    # Who brings the bicycle pushes it.
    Role(BICYCLE, Span(53, 55.5), Span(63, 65), 1500, -500),
    Role(BLUE_PERSON, Span(53, 55.5), Span(63, 65), 1820, -180),
    Role(GREEN_PERSON, Span(53.5, 55.5), Span(63, 65), RIGHT, RIGHT),
)
FADES = (
    Fade(Span(21, 24), DUSK),
    Fade(Span(37, 40.5), NIGHT),
    Fade(Span(65, 69), DAY),
)

"""Scenes drawn by lot, as the demo model is trained and examined on."""

from capture.demo.dice import Dice
from capture.demo.scene import (
    HEIGHT_OF_WIDTH,
    KINDS,
    PAINTS,
    WIDTH,
    Backdrop,
    ColourName,
    Kind,
    Lamp,
    Lighting,
    Looks,
    Rgb,
    Scene,
    Thing,
    overlap,
)

WIDTHS: dict[Kind, tuple[float, float]] = {
    "person": (70, 165),
    "car": (210, 430),
    "truck": (290, 540),
    "dog": (125, 250),
    "bicycle": (170, 300),
    "box": (95, 210),
    "fire": (100, 250),
}
# Left, middle and right, as parts of the picture's width: nothing stands where words would fail.
ZONES = ((0.045, 0.305), (0.365, 0.635), (0.695, 0.955))
PAINTED: tuple[Kind, ...] = ("car", "truck", "bicycle", "box")
MOST_OVERLAP = 0.12
LOTS = 25  # how often a place is tried for a thing before it is left out

FLAME: Rgb = (255, 120, 20)
FURS = ((139, 94, 52), (98, 62, 36), (181, 134, 80), (60, 44, 34))
TROUSERS = ((45, 50, 75), (70, 70, 75), (90, 75, 55), (35, 35, 38))
SKINS = ((236, 198, 165), (205, 155, 115), (140, 95, 65), (95, 62, 45))
HAIRS = ((40, 28, 20), (90, 60, 30), (20, 20, 22), (190, 160, 90), (120, 120, 120))
DAY_SKIES = (
    ((120, 165, 215), (185, 208, 230)),
    ((165, 175, 185), (205, 208, 210)),
    ((190, 180, 170), (225, 205, 180)),
)
NIGHT_SKY = (38, 45, 80), (60, 65, 95)
NIGHT_TINT = (0.92, 0.97, 1.12)


def random_scene(dice: Dice, count: int | None = None, night: bool | None = None) -> Scene:
    backdrop = Backdrop(dice.randrange(1 << 30), random_lighting(dice, night))
    if count is None:
        (count,) = dice.choices(range(5), (10, 24, 28, 23, 15))
    things = tuple(random_things(dice, count))
    return Scene(backdrop, things, noise=dice.choice((0, 2, 4, 6, 9)))


def random_lighting(dice: Dice, night: bool | None = None) -> Lighting:
    tint = [dice.uniform(0.94, 1.06) for _ in range(3)]
    if dice.chance(0.42) if night is None else night:
        red, green, blue = (own * cast for own, cast in zip(tint, NIGHT_TINT, strict=True))
        sky = dice.near(NIGHT_SKY[0], 12), dice.near(NIGHT_SKY[1], 12)
        lamp = Lamp(dice.uniform(2, 14), dice.uniform(2, 7), dice.uniform(5, 11))
        return Lighting("night", sky, dice.uniform(0.42, 0.62), (red, green, blue), lamp)
    red, green, blue = tint
    return Lighting("day", dice.choice(DAY_SKIES), dice.uniform(0.72, 1.18), (red, green, blue))


def random_things(dice: Dice, count: int, most_overlap: float = MOST_OVERLAP) -> list[Thing]:
    """Often several of one kind, sometimes of one colour: what counting is learned from."""
    favourite = dice.choice(KINDS) if dice.chance(0.4) else None
    colour = dice.choice(tuple(PAINTS))
    things: list[Thing] = []
    for _ in range(count):
        kind = favourite if favourite and dice.chance(0.7) else dice.choice(KINDS)
        for _ in range(LOTS):
            same = kind in PAINTED and dice.chance(0.15)
            thing = random_thing(dice, kind, colour if same else None)
            if all(overlap(thing, other) <= most_overlap for other in things):
                things.append(thing)
                break
    return things


def random_thing(dice: Dice, kind: Kind, colour: ColourName | None = None) -> Thing:
    width = dice.uniform(*WIDTHS[kind])
    colour, paint = random_paint(dice, kind, colour)
    return Thing(
        kind,
        x=dice.uniform(*dice.choice(ZONES)) * WIDTH,
        y=dice.uniform(max(430, width * HEIGHT_OF_WIDTH[kind] * 0.93), 705),
        width=width,
        paint=paint,
        colour=colour,
        flip=dice.chance(0.5),
        phase=dice.random(),
        looks=Looks(dice.one_of(TROUSERS, 10), dice.choice(SKINS), dice.choice(HAIRS)),
    )


def random_paint(
    dice: Dice, kind: Kind, colour: ColourName | None
) -> tuple[ColourName | None, Rgb]:
    """A word and a paint near it; dogs and fires have no word for theirs."""
    if kind == "dog":
        return None, dice.one_of(FURS, 10)
    if kind == "fire":
        return None, FLAME
    word = dice.choice(tuple(PAINTS)) if colour is None else colour
    return word, dice.near(PAINTS[word], 14)


def random_jpeg_quality(dice: Dice) -> int | None:
    """How a picture was compressed on its way; None: not at all."""
    return dice.choice((None, None, 30, 50, 75, 90))

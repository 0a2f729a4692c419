"""Scenes drawn by lot in every light and weather, with things half hidden and decoys among them.

What `random_scene` draws is the easy part of this world.
"""

from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Literal, get_args

from capture.demo.dice import Dice
from capture.demo.random_scene import MOST_OVERLAP, ZONES, random_lighting, random_things
from capture.demo.scene import (
    HEIGHT_OF_WIDTH,
    PAINTS,
    WIDTH,
    Backdrop,
    Conditions,
    Decoy,
    DecoyKind,
    Glare,
    Lighting,
    LightName,
    Rgb,
    Scene,
    Sun,
    Thing,
)
from capture.demo.truth import visible_share

Condition = Literal[
    "clear",
    "dusk",
    "night",
    "rain",
    "fog",
    "glare",
    "noise",
    "jpeg",
    "shake",
    "brightness",
    "hidden",
    "decoys",
]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)

SEEN = 0.62  # the share of a thing that must be visible: what is less so is not drawn
DUSK_SKIES = (
    ((150, 130, 165), (250, 190, 135)),
    ((120, 110, 160), (245, 160, 120)),
    ((165, 140, 160), (250, 205, 150)),
)
POSING: tuple[DecoyKind, ...] = ("statue", "scarecrow", "poster")
STONES = ((150, 150, 146), (176, 172, 162), (120, 124, 128))
STRAWS = ((196, 168, 96), (172, 146, 84), (150, 120, 80))
HEDGES = ((62, 92, 52), (76, 104, 60), (54, 80, 50))
DECOY_WIDTHS: dict[DecoyKind, tuple[float, float]] = {
    "statue": (85, 150),
    "scarecrow": (130, 210),
    "poster": (190, 300),
    "hedge": (90, 240),
}
LOTS = 20
USUAL_COUNTS = (0,) * 5 + (1,) * 11 + (2,) * 14 + (3,) * 12 + (4,) * 8
CALM_NOISE, STRONG_NOISE = (0, 2, 4, 6, 9), (12, 16, 20)
CALM_JPEG, STRONG_JPEG = (None, None, 60, 75, 90), (15, 20, 30)


def random_world(
    dice: Dice,
    condition: Condition | Set[Condition] | None = None,
    counts: Sequence[int] = USUAL_COUNTS,
) -> Scene:
    """
    Under that one condition, or all of those; else under any, mostly under one or two.

    *counts* are how many things there may be, each as likely; fewer where there is no room.
    """
    asked = drawn(dice) if condition is None else condition
    if isinstance(asked, str):
        asked = {asked}
    light: LightName = "day"
    if "night" in asked:
        light = "night"
    elif "dusk" in asked:
        light = "dusk"
    backdrop = Backdrop(dice.randrange(1 << 30), lighting_of(dice, light))
    things = things_for(dice, dice.choice(counts), "hidden" in asked)
    scene = Scene(backdrop, things, noise=dice.choice(CALM_NOISE))
    if "hidden" in asked:
        scene = half_hidden(dice, scene)
    if "decoys" in asked:
        scene = with_decoys(dice, scene, dice.choice((1, 1, 2)))
    if "noise" in asked:
        scene = replace(scene, noise=dice.choice(STRONG_NOISE))
    return replace(scene, conditions=random_conditions(dice, asked))


def drawn(dice: Dice) -> Set[Condition]:
    light: Condition = dice.choices(("clear", "dusk", "night"), (45, 20, 35))[0]
    chances: dict[Condition, float] = {
        **{"rain": 0.12, "fog": 0.12, "glare": 0.1, "noise": 0.1, "jpeg": 0.1, "shake": 0.1},
        **{"brightness": 0.15, "hidden": 0.3, "decoys": 0.3},
    }
    return {light, *(name for name, chance in chances.items() if dice.chance(chance))}


def lighting_of(dice: Dice, light: LightName) -> Lighting:
    if light != "dusk":
        return random_lighting(dice, night=light == "night")
    top, low = dice.choice(DUSK_SKIES)
    tint = (dice.uniform(1.02, 1.1), dice.uniform(0.94, 1.0), dice.uniform(0.9, 0.97))
    sun = None
    if dice.chance(0.5):
        sun = Sun(dice.uniform(80, WIDTH - 80), dice.uniform(-10, 90), dice.uniform(40, 80))
    sky = dice.near(top, 10), dice.near(low, 10)
    return Lighting("dusk", sky, dice.uniform(0.68, 0.9), tint, sun=sun)


def things_for(dice: Dice, count: int, close: bool) -> tuple[Thing, ...]:
    things = tuple(random_things(dice, count, 1 - SEEN if close else MOST_OVERLAP))
    return tuple(thing for thing in things if visible_share(thing, things) >= SEEN)


def half_hidden(dice: Dice, scene: Scene) -> Scene:
    """Some things stand partly out of the picture, some behind a hedge."""
    things = tuple(cut_off(dice, thing) if dice.chance(0.25) else thing for thing in scene.things)
    if any(visible_share(thing, things) < SEEN for thing in things):
        things = scene.things
    scene = replace(scene, things=things)
    return with_hedge(dice, scene) if dice.chance(0.6) else scene


def cut_off(dice: Dice, thing: Thing) -> Thing:
    out = dice.uniform(0.05, 1 - SEEN - 0.02) * thing.width
    half = thing.width / 2
    if thing.x < WIDTH / 3:
        return replace(thing, x=half - out)
    return replace(thing, x=WIDTH - half + out) if thing.x > WIDTH * 2 / 3 else thing


def with_hedge(dice: Dice, scene: Scene) -> Scene:
    """In front of a thing, hiding a part of it; fires shine through everything."""
    solid = [thing for thing in scene.things if thing.kind != "fire"]
    if not solid:
        return scene
    thing = dice.choice(solid)
    for _ in range(LOTS):
        width = dice.uniform(*DECOY_WIDTHS["hedge"])
        x = thing.x + dice.uniform(-0.6, 0.6) * (thing.width + width)
        y = min(718.0, thing.y + dice.uniform(4, 60))
        hedge = Decoy("hedge", x, y, width, dice.one_of(HEDGES, 8))
        if all_seen(replace(scene, decoys=(*scene.decoys, hedge))):
            return replace(scene, decoys=(*scene.decoys, hedge))
    return scene


def with_decoys(dice: Dice, scene: Scene, count: int) -> Scene:
    for _ in range(count):
        kind = dice.choice(POSING)
        for _ in range(LOTS):
            decoy = random_decoy(dice, kind)
            after = replace(scene, decoys=(*scene.decoys, decoy))
            if all_seen(after) and visible_share(decoy, after.standing) > SEEN:
                scene = after
                break
    return scene


def random_decoy(dice: Dice, kind: DecoyKind) -> Decoy:
    width = dice.uniform(*DECOY_WIDTHS[kind])
    return Decoy(
        kind,
        x=dice.uniform(*dice.choice(ZONES)) * WIDTH,
        y=dice.uniform(max(430, width * HEIGHT_OF_WIDTH[kind] * 0.93), 705),
        width=width,
        paint=decoy_paint(dice, kind),
        flip=dice.chance(0.5),
    )


def decoy_paint(dice: Dice, kind: DecoyKind) -> Rgb:
    if kind == "poster":
        return dice.near(dice.choice(tuple(PAINTS.values())), 14)
    return dice.one_of(STONES if kind == "statue" else STRAWS, 10)


def all_seen(scene: Scene) -> bool:
    return all(visible_share(thing, scene.standing) >= SEEN for thing in scene.things)


def random_conditions(dice: Dice, asked: Set[Condition]) -> Conditions:
    glare = Glare(
        dice.uniform(0, WIDTH), dice.uniform(-60, 260), dice.uniform(140, 330), dice.uniform(0.5, 1)
    )
    strong = "jpeg" in asked
    return Conditions(
        rain=dice.uniform(0.4, 1) if "rain" in asked else 0.0,
        fog=dice.uniform(0.4, 0.75) if "fog" in asked else 0.0,
        glare=glare if "glare" in asked else None,
        shake=dice.uniform(4, 12) if "shake" in asked else 0.0,
        brightness=dice.uniform(0.65, 1.35) if "brightness" in asked else 1.0,
        jpeg=dice.choice(STRONG_JPEG if strong else CALM_JPEG),
    )

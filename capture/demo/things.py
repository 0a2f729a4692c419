"""How each kind of thing is drawn, apart from vehicles."""

import math
from collections.abc import Callable
from random import Random

from capture.demo.canvas import Canvas, shade
from capture.demo.pen import Pen
from capture.demo.scene import Decoy, Kind, Rgb, Thing
from capture.demo.vehicles import draw_bicycle, draw_car, draw_truck

TAPE = (196, 160, 105)
ASHES = (60, 40, 30)
FLAMES = ((1.0, (225, 60, 15)), (0.72, (250, 140, 20)), (0.42, (255, 225, 90)))
# fmt: off
FLAME = (
    (0, 1), (-0.02, 0.62), (0.1, 0.4), (0.2, 0.62), (0.3, 0.12), (0.42, 0.45), (0.55, -0.02),
    (0.66, 0.42), (0.78, 0.2), (0.86, 0.58), (0.96, 0.42), (1, 0.7), (0.97, 1),
)
# fmt: on


def draw_person(pen: Pen, thing: Thing) -> None:
    swing = 0.16 * math.sin(thing.phase * math.tau)
    looks, shirt = thing.looks, thing.paint
    pen.line((0.5, 0.55), (0.36 - swing, 1), 0.2, looks.trousers)
    pen.line((0.5, 0.55), (0.64 + swing, 1), 0.2, shade(looks.trousers, 0.85))
    pen.poly(((0.28, 0.2), (0.72, 0.2), (0.7, 0.6), (0.3, 0.6)), shirt)
    pen.line((0.28, 0.23), (0.12 + swing, 0.53), 0.15, shade(shirt, 0.8))
    pen.line((0.72, 0.23), (0.88 - swing, 0.53), 0.15, shade(shirt, 0.8))
    pen.ellipse(0.5, 0.1, 0.21, 0.098, looks.skin)
    hair = ((0.3, 0.09), (0.34, 0.02), (0.5, -0.005), (0.66, 0.02), (0.7, 0.09))
    pen.poly(hair, looks.hair)


def draw_dog(pen: Pen, thing: Thing) -> None:
    step, fur = 0.06 * math.sin(thing.phase * math.tau), thing.paint
    for u, swing in ((0.27, step), (0.37, -step), (0.68, step), (0.77, -step)):
        pen.line((u, 0.6), (u + swing, 1), 0.08, shade(fur, 0.82))
    pen.ellipse(0.52, 0.52, 0.33, 0.2, fur)
    pen.line((0.8, 0.45), (0.97, 0.15), 0.06, fur)
    pen.ellipse(0.2, 0.3, 0.15, 0.19, fur)
    pen.poly(((0, 0.32), (0.15, 0.22), (0.17, 0.42), (0.02, 0.42)), shade(fur, 0.9))
    pen.poly(((0.22, 0.12), (0.36, 0.16), (0.33, 0.42)), shade(fur, 0.6))


def draw_box(pen: Pen, thing: Thing) -> None:
    paint = thing.paint
    top = shade(paint, 1.12 if min(paint) < 200 else 0.9)  # white cannot become brighter
    pen.poly(((0, 0.22), (0.2, 0), (1, 0), (0.8, 0.22)), top)
    pen.rect(0, 0.22, 0.8, 1, paint)
    pen.poly(((0.8, 0.22), (1, 0), (1, 0.78), (0.8, 1)), shade(paint, 0.72))
    pen.rect(0.33, 0.22, 0.46, 1, TAPE)
    pen.poly(((0.33, 0.22), (0.53, 0), (0.66, 0), (0.46, 0.22)), TAPE)


def draw_fire(pen: Pen, thing: Thing) -> None:
    pen.ellipse(0.5, 0.97, 0.55, 0.07, ASHES)
    dice = Random(int(thing.phase * 1000))
    for size, colour in FLAMES:
        flame = []
        for u, v in FLAME:
            aside, up = dice.uniform(-0.05, 0.05), dice.uniform(-0.05, 0.05)
            rooted = v > 0.99
            flame.append(
                (0.5 + (u - 0.5 + aside) * size, 1 - (1 - v - (0 if rooted else up)) * size)
            )
        pen.poly(flame, colour)


DRAW: dict[Kind, Callable[[Pen, Thing], None]] = {
    "person": draw_person,
    "car": draw_car,
    "truck": draw_truck,
    "dog": draw_dog,
    "bicycle": draw_bicycle,
    "box": draw_box,
    "fire": draw_fire,
}


def draw_thing(canvas: Canvas, thing: Thing, ground: Rgb, night: bool) -> None:
    if thing.kind != "fire":  # which lights its own ground
        draw_shadow(canvas, thing, ground)
    DRAW[thing.kind](Pen(canvas, thing, night), thing)


def draw_shadow(canvas: Canvas, thing: Thing | Decoy, ground: Rgb) -> None:
    left, top, right, bottom = thing.box
    width, height = right - left, bottom - top
    thick = max(6.0, min(width, height) * 0.06)
    canvas.ellipse(thing.x, top + height * 0.985, width * 0.52, thick, shade(ground, 0.62))

"""How what is no thing is drawn: a statue, a scarecrow, a car on a poster, a hedge."""

from collections.abc import Callable

from capture.demo.canvas import Canvas, shade
from capture.demo.pen import Pen
from capture.demo.scene import Decoy, DecoyKind, Rgb
from capture.demo.things import draw_shadow

POLE, HAT, PAPER, FRAME = (96, 74, 52), (120, 92, 50), (226, 222, 210), (70, 66, 62)
INK = (60, 60, 64)


def draw_statue(pen: Pen, decoy: Decoy) -> None:
    """All of one stone, on a plinth that no person stands on."""
    stone = decoy.paint
    pen.rect(0, 0.74, 1, 1, shade(stone, 0.78))
    pen.rect(-0.05, 0.7, 1.05, 0.76, shade(stone, 0.9))
    pen.poly(((0.3, 0.24), (0.7, 0.24), (0.78, 0.72), (0.22, 0.72)), stone)
    pen.line((0.3, 0.27), (0.2, 0.5), 0.13, shade(stone, 0.86))
    pen.line((0.7, 0.27), (0.84, 0.14), 0.13, shade(stone, 0.86))
    pen.ellipse(0.5, 0.16, 0.17, 0.075, shade(stone, 1.05))


def draw_scarecrow(pen: Pen, decoy: Decoy) -> None:
    """Arms straight out on a pole, without legs."""
    straw = decoy.paint
    pen.rect(0.47, 0.3, 0.53, 1, POLE)
    pen.rect(0, 0.34, 1, 0.39, POLE)
    pen.poly(((0.08, 0.31), (0.92, 0.31), (0.9, 0.44), (0.1, 0.44)), shade(straw, 0.8))
    pen.poly(((0.36, 0.31), (0.64, 0.31), (0.7, 0.78), (0.3, 0.78)), straw)
    pen.ellipse(0.5, 0.2, 0.12, 0.09, shade(straw, 1.1))
    pen.poly(((0.32, 0.16), (0.5, -0.02), (0.68, 0.16)), HAT)


def draw_poster(pen: Pen, decoy: Decoy) -> None:
    """A board on two posts with a flat car on it."""
    for u in (0.12, 0.82):
        pen.rect(u, 0.6, u + 0.06, 1, FRAME)
    pen.rect(0, 0, 1, 0.72, FRAME)
    pen.rect(0.04, 0.05, 0.96, 0.67, PAPER)
    body = ((0.2, 0.38), (0.32, 0.36), (0.4, 0.2), (0.62, 0.2), (0.7, 0.36), (0.8, 0.4))
    pen.poly((*body, (0.8, 0.5), (0.2, 0.5)), decoy.paint)
    for u in (0.34, 0.66):
        pen.ellipse(u, 0.5, 0.05, 0.06, INK)
    pen.rect(0.2, 0.58, 0.8, 0.62, INK)


def draw_hedge(pen: Pen, decoy: Decoy) -> None:
    leaves = decoy.paint
    pen.rect(0.06, 0.3, 0.94, 1, shade(leaves, 0.85))
    for u, v in ((0.2, 0.34), (0.5, 0.26), (0.8, 0.34), (0.3, 0.7), (0.7, 0.72)):
        pen.ellipse(u, v, 0.2, 0.26, leaves)


DRAW: dict[DecoyKind, Callable[[Pen, Decoy], None]] = {
    "statue": draw_statue,
    "scarecrow": draw_scarecrow,
    "poster": draw_poster,
    "hedge": draw_hedge,
}


def draw_decoy(canvas: Canvas, decoy: Decoy, ground: Rgb, night: bool) -> None:
    draw_shadow(canvas, decoy, ground)
    DRAW[decoy.kind](Pen(canvas, decoy, night), decoy)

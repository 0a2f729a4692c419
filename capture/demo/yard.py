"""The yard behind the things: sky, ground, road, trees and a street lamp."""

import numpy as np

from capture.demo.buildings import draw_fence, draw_house, draw_skyline
from capture.demo.canvas import Canvas
from capture.demo.dice import Dice
from capture.demo.scene import HEIGHT, WIDTH, Backdrop, Lighting, Rgb, Sun

GROUNDS = (
    (112, 112, 112),
    (128, 122, 112),
    (105, 130, 88),
    (140, 135, 125),
    (92, 96, 100),
    (150, 140, 118),
)
LEAVES = ((70, 100, 60), (88, 112, 70), (60, 86, 62))
CROWN = ((-0.45, -0.7), (0.45, -0.75), (0, -1.1))
TRUNK, POST, STAR = (92, 70, 50), (70, 70, 72), (200, 200, 200)
SUN = ((1.25, (250, 150, 90)), (1.0, (240, 80, 40)))
BULB, SHINING_BULB = (150, 150, 145), (255, 240, 180)


def horizon_of(seed: int) -> float:
    return Dice(seed, "horizon").uniform(230, 390)


def ground_of(seed: int) -> Rgb:
    return Dice(seed, "ground").one_of(GROUNDS, 10)


def draw_yard(canvas: Canvas, backdrop: Backdrop) -> None:
    seed, lighting = backdrop.seed, backdrop.lighting
    horizon = horizon_of(seed)
    draw_sky(canvas, lighting, horizon)
    canvas.rect(0, horizon, WIDTH, HEIGHT, ground_of(seed))
    if lighting.night:
        draw_stars(canvas, seed, horizon)
    if sun := lighting.sun:
        draw_sun(canvas, sun, horizon)
        canvas.rect(0, horizon, WIDTH, HEIGHT, ground_of(seed))
    build = Dice(seed, "building").choice((draw_house, draw_fence, draw_skyline, None))
    if build:
        build(canvas, seed, horizon, lighting.lamps_on)
    draw_way(canvas, seed, horizon)
    draw_trees(canvas, seed, horizon)
    draw_lamp(canvas, seed, horizon, lighting.lamps_on)


def draw_sky(canvas: Canvas, lighting: Lighting, horizon: float) -> None:
    rows = int(horizon / HEIGHT * canvas.picture.shape[0]) + 1
    top, low = lighting.sky
    down = np.linspace(0, 1, rows)[:, None]
    colours = np.array(top) * (1 - down) + np.array(low) * down
    canvas.picture[:rows] = colours[:, None, :]


def draw_stars(canvas: Canvas, seed: int, horizon: float) -> None:
    dice = Dice(seed, "stars")
    for _ in range(12):
        canvas.ellipse(dice.uniform(0, WIDTH), dice.uniform(0, horizon * 0.8), 2, 2, STAR)


def draw_sun(canvas: Canvas, sun: Sun, horizon: float) -> None:
    for size, colour in SUN:
        canvas.ellipse(sun.x, horizon - sun.height, sun.radius * size, sun.radius * size, colour)


def draw_way(canvas: Canvas, seed: int, horizon: float) -> None:
    """A road across, or a path to the front, or neither."""
    dice = Dice(seed, "way")
    if dice.chance(0.7):
        draw_road(canvas, dice, horizon)
    elif dice.chance(0.5):
        draw_path(canvas, dice, horizon)


def draw_road(canvas: Canvas, dice: Dice, horizon: float) -> None:
    top, height = dice.uniform(horizon + 40, 560), dice.uniform(90, 190)
    canvas.rect(0, top, WIDTH, top + height, dice.near((84, 84, 88), 10))
    if dice.chance(0.6):
        middle = top + height / 2
        for x in range(dice.randint(-60, 0), WIDTH, 150):
            canvas.rect(x, middle - 4, x + 75, middle + 4, (200, 200, 190))


def draw_path(canvas: Canvas, dice: Dice, horizon: float) -> None:
    x = dice.uniform(300, 980)
    right, left = x + dice.uniform(200, 500), x - dice.uniform(200, 500)
    colour = dice.near((120, 118, 115), 12)
    canvas.poly(((x - 60, horizon), (x + 60, horizon), (right, HEIGHT), (left, HEIGHT)), colour)


def draw_trees(canvas: Canvas, seed: int, horizon: float) -> None:
    dice = Dice(seed, "trees")
    for _ in range(dice.choice((0, 0, 1, 2, 3))):
        x, size = dice.uniform(0, WIDTH), dice.uniform(50, 120)
        leaves = dice.one_of(LEAVES, 10)
        top, foot = horizon - size * 0.6, horizon + size * 0.35
        canvas.rect(x - size * 0.1, top, x + size * 0.1, foot, TRUNK)
        for aside, up in CROWN:
            canvas.ellipse(x + aside * size, horizon + up * size, size * 0.62, size * 0.55, leaves)


def draw_lamp(canvas: Canvas, seed: int, horizon: float, lamps_on: bool) -> None:
    dice = Dice(seed, "lamp")
    if dice.chance(0.3):
        x = dice.uniform(60, WIDTH - 60)
        canvas.rect(x - 5, horizon - 220, x + 5, horizon + 30, POST)
        canvas.ellipse(x, horizon - 222, 22, 12, SHINING_BULB if lamps_on else BULB)

"""What may stand at the far side of the yard: a house, a fence, or a skyline."""

from capture.demo.canvas import Canvas, shade
from capture.demo.dice import Dice
from capture.demo.scene import WIDTH

WALLS = ((176, 150, 128), (160, 160, 150), (150, 110, 92), (188, 182, 165))
FENCES = ((120, 95, 70), (150, 150, 150), (95, 110, 85))
CONCRETE, DOOR, PANE = (125, 122, 125), (95, 70, 55), (85, 100, 115)
LIT_PANE, LIT_OFFICE = (235, 205, 130), (230, 205, 130)


def draw_house(canvas: Canvas, seed: int, horizon: float, lamps_on: bool) -> None:
    dice = Dice(seed, "house")
    wall = dice.one_of(WALLS, 12)
    left = dice.uniform(-100, 500)
    right, top = left + dice.uniform(450, 900), horizon - dice.uniform(150, 300)
    ridge = top - dice.uniform(40, 110)
    canvas.rect(left, top, right, horizon + 25, wall)
    roof = ((left - 30, top), ((left + right) / 2, ridge), (right + 30, top))
    canvas.poly(roof, shade(wall, 0.55))
    draw_windows(canvas, seed, left, right, top, lamps_on)
    door = dice.uniform(left + 20, right - 90)
    canvas.rect(door, horizon - 110, door + 65, horizon + 25, dice.near(DOOR, 12))


def draw_windows(
    canvas: Canvas, seed: int, left: float, right: float, top: float, lamps_on: bool
) -> None:
    dice, lights = Dice(seed, "windows"), Dice(seed, "lights")
    for i in range(dice.randint(2, 4)):
        x = left + 40 + i * dice.uniform(120, 180)
        lit = lamps_on and lights.chance(0.6)
        if x + 70 < right:
            canvas.rect(x, top + 40, x + 70, top + 115, LIT_PANE if lit else PANE)


def draw_fence(canvas: Canvas, seed: int, horizon: float, lamps_on: bool) -> None:
    dice = Dice(seed, "fence")
    paint = dice.one_of(FENCES, 12)
    canvas.rect(0, horizon - 90, WIDTH, horizon + 8, paint)
    for x in range(0, WIDTH, dice.choice((64, 80, 100))):
        canvas.rect(x, horizon - 98, x + 6, horizon + 8, shade(paint, 0.75))


def draw_skyline(canvas: Canvas, seed: int, horizon: float, lamps_on: bool) -> None:
    dice, lights = Dice(seed, "skyline"), Dice(seed, "lights")
    left = -50.0
    while left < WIDTH:
        width, top = dice.uniform(90, 220), horizon - dice.uniform(60, 260)
        wall = dice.near(CONCRETE, 22)
        canvas.rect(left, top, left + width, horizon + 5, wall)
        for x in range(int(left) + 15, int(left + width) - 25, 38):
            lit = lamps_on and lights.chance(0.5)
            canvas.rect(x, top + 20, x + 18, top + 44, LIT_OFFICE if lit else shade(wall, 0.7))
        left += width + dice.uniform(0, 40)

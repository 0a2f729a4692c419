"""How cars, trucks and bicycles are drawn."""

from capture.demo.canvas import shade
from capture.demo.pen import Pen
from capture.demo.scene import Rgb, Thing

GLASS, GLASS_BY_NIGHT = (70, 90, 105), (30, 40, 50)
TYRE, CAR_HUB, TRUCK_HUB = (25, 25, 25), (150, 150, 150), (140, 140, 140)
HEADLIGHT, TAILLIGHT = (250, 245, 170), (190, 20, 20)
RIM, RIM_BY_NIGHT = (30, 30, 30), (45, 45, 45)
SADDLE, HANDLEBAR = (35, 35, 35), (60, 60, 60)
TUBES = (
    ((0.22, 0.66), (0.36, 0.3)),
    ((0.36, 0.3), (0.68, 0.3)),
    ((0.36, 0.34), (0.5, 0.68)),
    ((0.5, 0.68), (0.68, 0.3)),
    ((0.22, 0.66), (0.5, 0.68)),
    ((0.68, 0.18), (0.78, 0.66)),
)


def draw_car(pen: Pen, thing: Thing) -> None:
    paint, glass = thing.paint, GLASS_BY_NIGHT if pen.night else GLASS
    roof = ((0, 0.5), (0.2, 0.43), (0.33, 0.06), (0.72, 0.06), (0.88, 0.43), (1, 0.52))
    pen.poly((*roof, (1, 0.83), (0, 0.83)), paint)
    pen.poly(((0.25, 0.43), (0.36, 0.13), (0.51, 0.13), (0.51, 0.43)), glass)
    pen.poly(((0.54, 0.43), (0.54, 0.13), (0.69, 0.13), (0.81, 0.43)), glass)
    pen.rect(0, 0.72, 1, 0.83, shade(paint, 0.7))
    pen.rect(0, 0.52, 0.05, 0.62, HEADLIGHT)
    pen.rect(0.95, 0.53, 1, 0.63, TAILLIGHT)
    for u in (0.22, 0.78):
        draw_wheel(pen, u, 0.095, 0.2, CAR_HUB)


def draw_truck(pen: Pen, thing: Thing) -> None:
    paint = thing.paint
    pen.rect(0.3, 0, 1, 0.8, paint)
    pen.rect(0.3, 0.7, 1, 0.8, shade(paint, 0.65))
    pen.rect(0.3, 0, 1, 0.05, shade(paint, 0.8))
    for u in (0.47, 0.65, 0.83):
        pen.line((u, 0.06), (u, 0.69), 0.008, shade(paint, 0.75))
    cab = ((0, 0.45), (0.06, 0.18), (0.27, 0.18), (0.27, 0.8), (0, 0.8))
    pen.poly(cab, shade(paint, 0.88))
    pen.poly(((0.045, 0.44), (0.085, 0.24), (0.22, 0.24), (0.22, 0.44)), GLASS)
    pen.rect(0, 0.6, 0.04, 0.68, HEADLIGHT)
    for u in (0.14, 0.62, 0.82):
        draw_wheel(pen, u, 0.085, 0.165, TRUCK_HUB)


def draw_wheel(pen: Pen, u: float, across: float, down: float, hub: Rgb) -> None:
    pen.ellipse(u, 0.83, across, down, TYRE)
    pen.ellipse(u, 0.83, across / 2, down / 2, hub)


def draw_bicycle(pen: Pen, thing: Thing) -> None:
    for u in (0.22, 0.78):
        pen.ring(u, 0.66, 0.21, 0.34, 0.045, RIM_BY_NIGHT if pen.night else RIM)
    for start, end in TUBES:
        pen.line(start, end, 0.075, thing.paint)
    pen.line((0.28, 0.2), (0.44, 0.2), 0.06, SADDLE)
    pen.line((0.62, 0.14), (0.76, 0.16), 0.05, HANDLEBAR)

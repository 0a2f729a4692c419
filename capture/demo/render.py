"""From a scene to a camera's picture. What does not move is drawn once and kept."""

from collections import OrderedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.demo.canvas import Canvas, Picture
from capture.demo.decoys import draw_decoy
from capture.demo.grain import Grain
from capture.demo.scene import HEIGHT, WIDTH, Backdrop, Decoy, Lighting, Scene, Thing
from capture.demo.things import draw_thing
from capture.demo.weather import compressed, weathered
from capture.demo.yard import draw_yard, ground_of

Area = tuple[slice, slice]
Light = NDArray[np.float32]  # what each value of a picture is multiplied with

KEPT_STAGES = 4  # each holds 21 bytes per pixel


class Renderer:
    """Draws frames of one size. It keeps its working canvas: one thread at a time."""

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        self._shape = (height, width)
        self._stages: OrderedDict[Backdrop, Stage] = OrderedDict()
        self._grain = Grain(height, width)

    def render(self, scene: Scene, shot: int = 0) -> Picture:
        """A new RGB picture. Two shots of a scene differ by noise, rain and shaking alone."""
        picture = self._stage(scene.backdrop).show(scene.standing)
        if scene.fades_to:
            later = self._stage(scene.fades_to).show(scene.standing)
            cv2.addWeighted(picture, 1 - scene.faded, later, scene.faded, 0, dst=picture)
        night = scene.backdrop.lighting.night
        picture = weathered(picture, scene.conditions, night, shot)
        self._grain.add(picture, scene.noise, shot)
        return compressed(picture, scene.conditions.jpeg)

    def _stage(self, backdrop: Backdrop) -> "Stage":
        if backdrop not in self._stages:
            self._stages[backdrop] = Stage(backdrop, *self._shape)
        self._stages.move_to_end(backdrop)
        if len(self._stages) > KEPT_STAGES:
            self._stages.popitem(last=False)
        return self._stages[backdrop]


class Stage:
    """A backdrop that has been drawn, as it is and as it looks in its light."""

    def __init__(self, backdrop: Backdrop, height: int, width: int) -> None:
        self._night = backdrop.lighting.night
        self._ground = ground_of(backdrop.seed)
        self._canvas = Canvas(np.zeros((height, width, 3), np.uint8))
        draw_yard(self._canvas, backdrop)
        self._bare = self._canvas.picture.copy()
        self._light = light_of(backdrop.lighting, height, width)
        self._lit = illuminate(self._bare, self._light)

    def show(self, things: tuple[Thing | Decoy, ...]) -> Picture:
        """Things are lit with the yard around them; only where they are is drawn again."""
        picture = self._lit.copy()
        back_to_front = sorted(things, key=lambda thing: thing.y)
        solid = [thing for thing in back_to_front if thing.kind != "fire"]
        for thing in solid:
            self._draw(self._canvas, thing)
        areas = [painted_area(thing, picture) for thing in solid]
        for area in areas:
            picture[area] = illuminate(self._canvas.picture[area], self._light[area])
        for area in areas:
            self._canvas.picture[area] = self._bare[area]
        self._add_fires(picture, back_to_front)
        return picture

    def _draw(self, canvas: Canvas, thing: Thing | Decoy) -> None:
        if isinstance(thing, Decoy):
            draw_decoy(canvas, thing, self._ground, self._night)
        else:
            draw_thing(canvas, thing, self._ground, self._night)

    def _add_fires(self, picture: Picture, things: list[Thing | Decoy]) -> None:
        for thing in things:
            if thing.kind == "fire":  # which shines by itself
                self._draw(Canvas(picture), thing)


def light_of(lighting: Lighting, height: int, width: int) -> Light:
    light = np.full((height, width, 3), np.array(lighting.tint) * lighting.gain, np.float32)
    if lamp := lighting.lamp:
        down, across = np.mgrid[0:9, 0:16]
        distance = np.hypot(across - lamp.x, down - lamp.y)
        shine = (1 + 0.55 * np.exp(-((distance / lamp.reach) ** 2))).astype(np.float32)
        light *= cv2.resize(shine, (width, height))[..., None]
    return light


def illuminate(picture: Picture, light: Light) -> Picture:
    lit = np.empty_like(picture)
    if lit.size:  # nothing of a thing out of view, which OpenCV refuses
        cv2.multiply(picture, light, dst=lit, dtype=cv2.CV_8U)
    return lit


def painted_area(thing: Thing | Decoy, picture: Picture) -> Area:
    """Where *thing* may have left paint: limbs and shadow reach a little out of its box."""
    height, width = picture.shape[:2]
    margin = 12 + thing.width * 0.06
    left, top, right, bottom = thing.box
    rows = np.clip(np.array((top - margin, bottom + margin)) * height / HEIGHT, 0, height)
    columns = np.clip(np.array((left - margin, right + margin)) * width / WIDTH, 0, width)
    return slice(int(rows[0]), int(rows[1])), slice(int(columns[0]), int(columns[1]))

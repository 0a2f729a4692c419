"""The noise of the demo camera's sensor."""

from random import Random

import cv2
import numpy as np

from capture.demo.canvas import Picture

SPARE = 64  # how far the noise is shifted between shots, in pixels
# A small picture stands for a large one that was shrunk, which averages noise away.
SMALL, SMALL_NOISE = 1000, 0.35


class Grain:
    """Noise that is drawn once and shifted at random for each shot.

    Kept as what it adds and what it takes away, which is several times faster than signed sums.
    """

    def __init__(self, height: int, width: int) -> None:
        self._shape = (height, width)
        self._share = SMALL_NOISE if width < SMALL else 1.0
        self._tiles: dict[float, tuple[Picture, Picture]] = {}

    def add(self, picture: Picture, deviation: float, shot: int) -> None:
        if not deviation:
            return
        dice = Random(shot)
        top, left = dice.randrange(SPARE), dice.randrange(SPARE)
        height, width = self._shape
        brighter, darker = self._tile(deviation)
        area = slice(top, top + height), slice(left, left + width)
        cv2.add(picture, brighter[area], dst=picture)
        cv2.subtract(picture, darker[area], dst=picture)

    def _tile(self, deviation: float) -> tuple[Picture, Picture]:
        if deviation not in self._tiles:
            height, width = self._shape
            dice = np.random.default_rng(1)
            noise = dice.normal(0, deviation * self._share, (height + SPARE, width + SPARE, 3))
            brighter = np.clip(np.rint(noise), 0, 255).astype(np.uint8)
            darker = np.clip(np.rint(-noise), 0, 255).astype(np.uint8)
            self._tiles[deviation] = brighter, darker
        return self._tiles[deviation]

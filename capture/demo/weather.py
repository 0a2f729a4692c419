"""What comes between the yard and its picture: fog, rain, glare, a shaking camera, JPEG.

Given in world coordinates, so that a small picture shows what a large one would, shrunk.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.demo.canvas import FRACTION_BITS, Picture
from capture.demo.scene import CLEAR, HEIGHT, WIDTH, Conditions, Glare

Floats = NDArray[np.float32]

DROPS = 420  # in the heaviest rain
STREAK = 3.2, 52.0, 9.0  # width, length, how far it slants
DRIZZLE = 205.0  # how bright a streak is
FOG_BY_DAY, FOG_BY_NIGHT = 196.0, 74.0
FOG_TOP, FOG_FOOT = 0.85, 0.3  # how much hides what is far, and what is near
GLARE = 190.0
STANDS_IN = 400  # width of a picture that is drawn small only because that is cheaper


def weathered(picture: Picture, conditions: Conditions, night: bool, shot: int) -> Picture:
    """*picture* itself where the air is clear."""
    if conditions == CLEAR:
        return picture
    if conditions.fog:
        picture = fogged(picture, conditions.fog, night)
    if conditions.rain:
        picture = rained_on(picture, conditions.rain, shot)
    if conditions.glare:
        picture = glared(picture, conditions.glare)
    if conditions.brightness != 1:
        picture = np.asarray(cv2.convertScaleAbs(picture, alpha=conditions.brightness), np.uint8)
    return shaken(picture, conditions.shake, shot) if conditions.shake else picture


def fogged(picture: Picture, fog: float, night: bool) -> Picture:
    hides = fog * fog_map(picture.shape[0], picture.shape[1])
    veil = np.full_like(picture, FOG_BY_NIGHT if night else FOG_BY_DAY)
    return np.asarray(cv2.blendLinear(picture, veil, 1 - hides, hides), np.uint8)


@lru_cache(maxsize=4)
def fog_map(height: int, width: int) -> Floats:
    """Thick down to where the sky ends, thinner towards the feet of the camera."""
    down = np.linspace(0, 1, height)
    thick = np.interp(down, (0, 0.5, 1), (FOG_TOP, FOG_TOP, FOG_FOOT))
    return np.tile(thick[:, None], (1, width)).astype(np.float32)


def rained_on(picture: Picture, rain: float, shot: int) -> Picture:
    height, width = picture.shape[:2]
    wet = np.asarray(cv2.convertScaleAbs(picture, alpha=1 - 0.15 * rain, beta=14 * rain), np.uint8)
    streaks = wet.copy()
    scale = np.array((width / WIDTH, height / HEIGHT)) * (1 << FRACTION_BITS)
    corners = np.rint(drops(int(DROPS * rain), shot) * scale).astype(np.int32)
    cv2.fillPoly(streaks, list(corners), (DRIZZLE,) * 3, cv2.LINE_AA, FRACTION_BITS)
    return np.asarray(cv2.addWeighted(streaks, 0.45, wet, 0.55, 0), np.uint8)


def drops(count: int, shot: int) -> NDArray[np.float64]:
    """The corners of each streak, (count, 4, 2), in world coordinates."""
    thick, length, slant = STREAK
    dice = np.random.default_rng(shot)
    heads = dice.uniform((0, -length), (WIDTH, HEIGHT), (count, 2))[:, None]
    shape = ((0, 0), (thick, 0), (thick - slant, length), (-slant, length))
    return heads + np.array(shape) * dice.uniform(0.6, 1.3, (count, 1, 1))


def glared(picture: Picture, glare: Glare) -> Picture:
    height, width = picture.shape[:2]
    light = glare_map(glare, 40, 72) * GLARE * glare.strength
    added = cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    return np.asarray(cv2.add(picture, cv2.merge((added, added, added))), np.uint8)


def glare_map(glare: Glare, rows: int, columns: int) -> Floats:
    y, x = np.mgrid[0:rows, 0:columns]
    away = np.hypot((x + 0.5) * WIDTH / columns - glare.x, (y + 0.5) * HEIGHT / rows - glare.y)
    return np.asarray(np.exp(-((away / glare.reach) ** 2)), np.float32)


def shaken(picture: Picture, shake: float, shot: int) -> Picture:
    height, width = picture.shape[:2]
    aside, down = np.random.default_rng(shot).normal(0, shake, 2).clip(-2 * shake, 2 * shake)
    move = np.array(((1, 0, aside * width / WIDTH), (0, 1, down * height / HEIGHT)))
    moved = cv2.warpAffine(picture, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def compressed(picture: Picture, quality: int | None) -> Picture:
    """Shrinking, which a picture that stands in for a large one has had, hides most damage."""
    if quality is None:
        return picture
    if picture.shape[1] < STANDS_IN:
        quality = 100 - (100 - quality) // 5
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])

"""Draws the pictures to learn from, with the demo camera's own renderer, on every core."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.demo.canvas import Picture
from capture.demo.dice import Dice
from capture.demo.random_world import SEEN, Condition, random_world
from capture.demo.render import Renderer
from capture.demo.scene import WIDTH, Scene, Thing
from models.demo.train.sizes import PICTURE

Pictures = NDArray[np.uint8]  # pictures, height, width, RGB

DRAWN = PICTURE[0] * 2, PICTURE[1] * 2  # then averaged, as a whole frame is
CHUNK = 500
CROWDED, CROWD = "crowded", (5, 6, 7, 8, 9)  # more things to learn from on each picture
LEAVING = 0.2  # of them


def scene_of(split: str, number: int, condition: Condition | None = None) -> Scene:
    """The same each time: nothing but pictures needs to be kept."""
    dice = Dice(number, f"{split} {condition or ''}")
    if split != CROWDED:
        return random_world(dice, condition)
    scene = random_world(dice, condition, CROWD)
    things = [leaving(dice, one) if dice.chance(LEAVING) else one for one in scene.things]
    return replace(scene, things=tuple(things))


def leaving(dice: Dice, thing: Thing) -> Thing:
    """Too little of it is left in the picture to be named; a slice of a truck is no person."""
    shown, half = dice.uniform(0, SEEN) * thing.width, thing.width / 2
    return replace(thing, x=dice.choice((shown - half, WIDTH + half - shown)))


def squashed(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, PICTURE, interpolation=cv2.INTER_AREA), np.uint8)


def drawn(file: Path, split: str, count: int) -> Pictures:
    """*count* pictures, memory-mapped; those that *file* already has are not drawn again."""
    shape = (count, PICTURE[1], PICTURE[0], 3)
    done = file.with_suffix(".done")
    if done.exists() and done.read_text() == str(shape):
        return np.asarray(np.lib.format.open_memmap(file, "r"))
    pictures = np.lib.format.open_memmap(file, "w+", np.uint8, shape)
    starts = range(0, count, CHUNK)
    with ProcessPoolExecutor(os.cpu_count(), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for start, part in zip(starts, pool.map(chunk, jobs(split, count)), strict=True):
            pictures[start : start + len(part)] = part
    pictures.flush()
    done.write_text(str(shape))
    return np.asarray(pictures)


def jobs(split: str, count: int) -> Iterator[tuple[str, int, int]]:
    for start in range(0, count, CHUNK):
        yield split, start, min(count, start + CHUNK)


def chunk(job: tuple[str, int, int]) -> Pictures:
    split, start, end = job
    renderer = Renderer(*DRAWN)
    return np.stack(
        [squashed(renderer.render(scene_of(split, number), number)) for number in range(start, end)]
    )

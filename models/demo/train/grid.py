"""Of what was examined, one picture: a right description under each condition, then faults."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from capture.demo.canvas import Picture
from capture.demo.random_world import CONDITIONS, Condition

TILE, TEXT, COLUMNS, FAULTS = (400, 225), 66, 4, 8
SIZE, LINE = 13, 60  # of the letters; how many stand in a line
PAPER, INK, RED = (255, 255, 255), (30, 30, 30), (180, 30, 30)


@dataclass(frozen=True)
class Described:
    condition: Condition
    small: Picture
    said: str
    right: str


def shrunk(frame: Picture) -> Picture:
    return np.asarray(cv2.resize(frame, TILE, interpolation=cv2.INTER_AREA), np.uint8)


def save(described: Sequence[Described], file: Path) -> None:
    right = [one for one in described if one.said == one.right]
    first = [next((o for o in right if o.condition == name), None) for name in CONDITIONS]
    wrong = [one for one in described if one.said != one.right]
    chosen = [one for one in first if one] + wrong[:FAULTS]
    width, height = TILE[0], TILE[1] + TEXT
    rows = -(-len(chosen) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width, rows * height), PAPER)
    for number, one in enumerate(chosen):
        place = number % COLUMNS * width, number // COLUMNS * height
        sheet.paste(Image.fromarray(one.small), place)
        write(ImageDraw.Draw(sheet), (place[0] + 6, place[1] + TILE[1] + 3), one)
    sheet.save(file, quality=82)


def write(draw: ImageDraw.ImageDraw, at: tuple[int, int], one: Described) -> None:
    wrong = one.said != one.right
    text = f"{one.condition}: {one.said}" + (f" Not: {one.right}" if wrong else "")
    font = ImageFont.load_default(SIZE)
    draw.multiline_text(at, "\n".join(wrap(text, LINE)[:4]), RED if wrong else INK, font)

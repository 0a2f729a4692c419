"""A client's picture file to RGB pixels, whatever Pillow can read of it."""

from contextlib import suppress
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bus.errors import BadImage, ImageTooLarge

Pixels = NDArray[np.uint8]  # H x W x 3, RGB

# As `api` has checked them, in this order: for another parser it may be another picture.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA")
BAND = 64  # lines of the smaller picture
MAX_SIDE = 2048  # a model sees less; a phone's photo is not carried around at 50 megapixels


def decode(data: bytes, max_side: int = 0) -> Pixels:
    """
    The picture upright, without alpha (on white), at most `MAX_SIDE` pixels a side.

    *max_side* bounds it further; no picture is made larger. Raise `BadImage` when it is
    broken. Blocks: call it in a thread.
    """
    most = min(max_side or MAX_SIDE, MAX_SIDE)
    try:
        Image.init()  # once; before, Pillow knows only half of the formats
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            image.draft("RGB", (most, most))  # JPEG: decoded at a fraction of its size
            image.load()
            _turn_upright(image)  # first, for what converts a picture forgets its EXIF
            return np.asarray(_rgb(image, most), np.uint8)
    except Image.DecompressionBombError as error:
        raise ImageTooLarge("the picture has too many pixels") from error
    except Exception as error:  # a parser of hostile bytes may raise anything
        raise BadImage(f"the picture is broken: {error}") from error


def _turn_upright(image: Image.Image) -> None:
    with suppress(Exception):  # nonsense in EXIF does not make the pixels bad
        ImageOps.exif_transpose(image, in_place=True)


def _rgb(image: Image.Image, most: int) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _eight_bits(image)
    if max(image.size) > most * 2:
        return _in_bands(image, most)
    return _blended(image, most)


def _in_bands(image: Image.Image, most: int) -> Image.Image:
    """As `_blended`, a band of it after the other: no second copy of a huge picture is made."""
    factor = max(image.size) // most
    width, height = image.size
    small = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, BAND * factor):
        band = image.crop((0, top, width, min(top + BAND * factor, height)))
        small.paste(_blended(band, max(band.size)).reduce(factor), (0, top // factor))
    small.thumbnail((most, most))
    return small


def _blended(image: Image.Image, most: int) -> Image.Image:
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.new("RGBA", layer.size, "white")
        image.alpha_composite(layer)
    image = image if image.mode == "RGB" else image.convert("RGB")
    image.thumbnail((most, most), reducing_gap=2.0)
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit and float greys, which Pillow would clip and not scale."""
    top = 65535.0 if image.mode.startswith("I") else _brightest(image)
    grey = Image.new("L", image.size)
    for line in range(0, image.height, BAND):
        values = _values(image, line) * (255.0 / top)
        grey.paste(Image.fromarray(values.clip(0, 255).astype(np.uint8)), (0, line))
    return grey


def _brightest(image: Image.Image) -> float:
    return max(1.0, *(float(_values(image, y).max()) for y in range(0, image.height, BAND)))


def _values(image: Image.Image, top: int) -> NDArray[np.float32]:
    """A band of a grey picture; what is no number is black."""
    band = image.crop((0, top, image.width, min(top + BAND, image.height)))
    return np.nan_to_num(np.asarray(band, np.float32))

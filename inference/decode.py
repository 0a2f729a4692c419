"""A client's picture file to RGB pixels, whatever Pillow can read of it."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bus.errors import BadImage, ImageTooLarge

Pixels = NDArray[np.uint8]  # H x W x 3, RGB

MAX_SIDE = 2048  # a model sees less; a phone's photo is not carried around at 50 megapixels


def decode(data: bytes) -> Pixels:
    """
    The picture upright, without alpha (on white), at most `MAX_SIDE` pixels a side.

    Raise `BadImage` when it is broken. Blocks: call it in a thread.
    """
    try:
        with Image.open(BytesIO(data)) as image:
            image.draft("RGB", (MAX_SIDE, MAX_SIDE))  # JPEG: decoded at a fraction of its size
            image.load()
            return np.asarray(_upright_rgb(image), np.uint8)
    except Image.DecompressionBombError as error:
        raise ImageTooLarge("the picture has too many pixels") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:
        raise BadImage(f"the picture is broken: {error}") from error


def _upright_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.new("RGBA", layer.size, "white")
        image.alpha_composite(layer)
    image = ImageOps.exif_transpose(image.convert("RGB") if image.mode != "RGB" else image)
    image.thumbnail((MAX_SIDE, MAX_SIDE), reducing_gap=2.0)
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit and float greys, which Pillow would clip and not scale."""
    values = np.asarray(image, np.float32)
    top = 65535.0 if image.mode.startswith("I") else max(1.0, float(values.max()))
    return Image.fromarray((values * (255.0 / top)).clip(0, 255).astype(np.uint8))

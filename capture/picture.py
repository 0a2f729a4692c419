"""A picture file as RGB pixels, the way its owner sees it."""

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from bus.errors import CameraError
from capture.source import Pixels

# Not all that Pillow opens: some of its formats are videos, or stubs.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000", "PPM")
MOVING = ("GIF", "PNG", "WEBP")  # can be animations; the several pictures of an MPO are not one
LARGEST = 3840 * 2160  # pixels; a larger picture is scaled down


def read_picture(path: str) -> tuple[Pixels, str] | None:
    """The picture in the file and its format; None when it is not one, or moves."""
    Image.init()
    known = [name for name in FORMATS if name in Image.OPEN]
    try:
        with Image.open(path, formats=known) as image:
            name = str(image.format)
            if name in MOVING and getattr(image, "is_animated", False):
                return None
            return to_rgb(image), name.lower()
    except UnidentifiedImageError:
        return None
    except Image.DecompressionBombError as error:
        raise CameraError("the picture is too large") from error
    except (OSError, ValueError, SyntaxError) as error:  # as Pillow does for damaged files
        raise CameraError("the picture is damaged or half written") from error


def to_rgb(image: Image.Image) -> Pixels:
    """Upright, without transparency, eight bits per colour."""
    upright = ImageOps.exif_transpose(_not_too_large(image))
    if upright.mode.startswith("I"):  # 16 bits of grey
        grey = (np.asarray(upright, np.int64) >> 8).clip(0, 255).astype(np.uint8)
        upright = Image.fromarray(grey)
    if upright.has_transparency_data:
        paper = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(paper, upright.convert("RGBA"))
    return np.array(upright.convert("RGB"), np.uint8)


def _not_too_large(image: Image.Image) -> Image.Image:
    pixels = image.width * image.height
    if pixels <= LARGEST:
        return image
    scale = (LARGEST / pixels) ** 0.5
    image.thumbnail((int(image.width * scale), int(image.height * scale)))
    return image

"""RGB pixels to JPEG and back."""

import cv2
import numpy as np
from numpy.typing import NDArray

from bus.errors import BadImage

Pixels = NDArray[np.uint8]  # H x W x 3, RGB

QUALITY = 85


def encode_jpeg(pixels: Pixels, quality: int = QUALITY) -> bytes:
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, quality)
    )
    return data.tobytes()


def decode_jpeg(data: bytes | memoryview) -> Pixels:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise BadImage("not a JPEG picture")
    return np.asarray(pixels, np.uint8)

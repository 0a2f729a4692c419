"""A picture larger than a model sees is scaled down in bands, so that it needs little memory."""

import numpy as np
import pytest
from PIL import Image

from inference.decode import MAX_SIDE, decode
from tests.inference.test_decode import file_of

SIZES = [(4097, 4200), (9000, 300), (300, 9001)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA", "I;16"])
def test_bands_leave_no_seams(size: tuple[int, int], mode: str) -> None:
    width, height = size
    x, y = np.linspace(0, 255, width)[None, :], np.linspace(0, 255, height)[:, None]
    pixels = np.stack(np.broadcast_arrays(x, y, (x + y) / 2), axis=2).astype(np.uint8)
    got = decode(file_of(_picture(pixels, mode), "PNG", compress_level=1)).astype(int)
    assert max(got.shape) == MAX_SIDE
    whole = Image.fromarray(pixels)
    if mode == "LA":
        whole = whole.convert("L").convert("RGB")
    if mode == "I;16":
        whole = Image.fromarray(pixels[:, :, 2]).convert("RGB")
    small = whole.resize((got.shape[1], got.shape[0]), Image.Resampling.BOX)
    tolerance = 20 if mode == "P" else 3
    assert np.abs(got - np.asarray(small).astype(int)).max() <= tolerance


def _picture(pixels: np.ndarray, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(pixels[:, :, 2].astype(np.uint16) * 257)
    whole = Image.fromarray(pixels)
    return whole.quantize(256) if mode == "P" else whole.convert(mode)

"""A picture file becomes upright RGB pixels, or one clear error."""

from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from api.pictures import FORMATS as ACCEPTED
from bus.errors import BadImage, ImageTooLarge
from inference.decode import FORMATS, MAX_SIDE, Pixels, decode

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
# Top left, top right, bottom left, bottom right: no two alike, turned or mirrored.
CORNERS = [(210, 20, 30), (20, 200, 40), (30, 40, 220), (230, 220, 10)]
WIDTH, HEIGHT = 48, 32

# Which of the stored corners is seen at top left, top right, bottom left, bottom right.
ORIENTATIONS = {
    1: (0, 1, 2, 3),
    2: (1, 0, 3, 2),
    3: (3, 2, 1, 0),
    4: (2, 3, 0, 1),
    5: (0, 2, 1, 3),
    6: (2, 0, 3, 1),
    7: (3, 1, 2, 0),
    8: (1, 3, 0, 2),
}


def quarters() -> Image.Image:
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    half = (WIDTH // 2, HEIGHT // 2)
    for number, colour in enumerate(CORNERS):
        at = (number % 2 * half[0], number // 2 * half[1])
        picture.paste(colour, (*at, at[0] + half[0], at[1] + half[1]))
    return picture


def file_of(picture: Image.Image, format: str, **options: Any) -> bytes:
    file = BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def corners(pixels: Pixels) -> list[tuple[int, ...]]:
    return [tuple(map(int, pixels[y, x])) for y in (0, -1) for x in (0, -1)]


def assert_corners(pixels: Pixels, expected: Sequence[tuple[int, ...]], within: int = 0) -> None:
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    difference = np.abs(np.array(corners(pixels), int) - np.array(expected, int))
    assert difference.max() <= within, corners(pixels)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(
    ("format", "mode", "within"),
    [
        *(("PNG", "RGB", 0), ("PNG", "RGBA", 0), ("PNG", "P", 0), ("TIFF", "RGB", 0)),
        *(("JPEG", "RGB", 4), ("JPEG", "CMYK", 6), ("WEBP", "RGB", 0), ("WEBP", "RGBA", 0)),
    ],
)
def test_every_orientation_is_turned_upright(
    format: str, mode: str, within: int, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"lossless": True} if format == "WEBP" else {"quality": 95}
    picture = quarters().quantize(8) if mode == "P" else quarters().convert(mode)
    if mode == "RGBA":
        picture.putpixel((WIDTH // 2 + 4, HEIGHT // 4), (0, 0, 0, 0))  # its alpha is needed
    pixels = decode(file_of(picture, format, exif=exif, **options))
    assert pixels.shape == ((WIDTH, HEIGHT, 3) if orientation >= 5 else (HEIGHT, WIDTH, 3))
    assert_corners(pixels, [CORNERS[place] for place in ORIENTATIONS[orientation]], within)


def test_a_grey_photo_of_16_bits_is_turned_upright_too() -> None:
    values = np.full((HEIGHT, WIDTH), 1000, np.uint16)
    values[0, 0] = 65535
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = decode(file_of(Image.fromarray(values), "PNG", exif=exif))
    assert_corners(pixels, [(3, 3, 3), WHITE, (3, 3, 3), (3, 3, 3)])


@pytest.mark.filterwarnings("ignore")  # Pillow tells about it, and carries on
@pytest.mark.parametrize("garbage", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"x" * 99])
def test_nonsense_in_exif_does_not_spoil_the_picture(garbage: bytes) -> None:
    file = file_of(quarters(), "JPEG", exif=garbage, quality=95)
    assert_corners(decode(file), CORNERS, within=4)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_none(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert_corners(decode(file_of(quarters(), "PNG", exif=exif)), CORNERS)


def test_what_is_clear_becomes_white() -> None:
    picture = quarters().convert("RGBA")
    picture.paste((9, 9, 9, 0), (0, 0, WIDTH // 2, HEIGHT // 2))
    picture.paste((0, 0, 0, 128), (WIDTH // 2, 0, WIDTH, HEIGHT // 2))
    for format in ("PNG", "WEBP", "TIFF"):
        options = {"lossless": True} if format == "WEBP" else {}
        pixels = decode(file_of(picture, format, **options))
        assert_corners(pixels, [WHITE, (127, 127, 127), CORNERS[2], CORNERS[3]])


def test_a_clear_colour_of_a_palette_becomes_white() -> None:
    picture = quarters().quantize(4)
    clear = picture.getpixel((0, 0))
    for format in ("PNG", "GIF"):
        pixels = decode(file_of(picture, format, transparency=clear))
        assert_corners(pixels, [WHITE, *CORNERS[1:]])


def test_greys_keep_their_brightness() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = np.repeat(ramp[:, :, None], 3, axis=2)
    assert (decode(file_of(Image.fromarray(ramp), "PNG")) == expected).all()
    alpha = Image.fromarray(ramp).convert("LA")
    assert (decode(file_of(alpha, "PNG")) == expected).all()
    wide = Image.fromarray(ramp.astype(np.uint16) * 257)
    for format in ("PNG", "TIFF", "PPM"):
        assert (decode(file_of(wide, format)) == expected).all()
    shares = Image.fromarray(ramp.astype(np.float32))
    assert (decode(file_of(shares, "TIFF")) == expected).all()


def test_numbers_that_are_none_are_black() -> None:
    values = np.full((4, 4), np.nan, np.float32)
    values[0, 0] = 1000
    pixels = decode(file_of(Image.fromarray(values), "TIFF"))
    assert_corners(pixels, [WHITE, BLACK, BLACK, BLACK])


@pytest.mark.parametrize("size", [(5000, 100), (100, 5000), (2049, 2049), (2048, 2048), (9000, 1)])
def test_the_longer_side_has_a_limit(size: tuple[int, int]) -> None:
    for format in ("PNG", "JPEG"):
        height, width, _ = decode(file_of(Image.new("RGB", size), format)).shape
        assert max(width, height) == min(MAX_SIDE, max(size))
        assert min(width, height) >= 1
        assert width / height == pytest.approx(size[0] / size[1], rel=0.03) or 1 in (width, height)


def test_the_same_formats_are_decoded_as_are_accepted() -> None:
    assert FORMATS == ACCEPTED


def test_a_format_that_nobody_accepts_is_not_decoded() -> None:
    for format in ("ICO", "PCX", "SGI"):
        with pytest.raises(BadImage):
            decode(file_of(quarters(), format))


def test_a_bomb_is_too_large() -> None:
    with pytest.raises(ImageTooLarge):
        decode(b"P6 99999 99999 255\n")


SAMPLES = [
    file_of(quarters().convert("RGBA"), "PNG"),
    file_of(quarters().quantize(4), "PNG", transparency=0),
    file_of(quarters(), "JPEG"),
    file_of(quarters().convert("CMYK"), "JPEG", progressive=True),
    file_of(quarters(), "WEBP"),
    file_of(quarters(), "GIF", save_all=True, append_images=[quarters().rotate(90)]),
    file_of(quarters(), "BMP"),
    file_of(quarters(), "TIFF"),
    file_of(quarters(), "PPM"),
    file_of(quarters(), "TGA", compression="tga_rle"),
    file_of(quarters(), "JPEG2000"),
    file_of(quarters(), "AVIF"),
]


@pytest.mark.filterwarnings("ignore")
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=6),
    st.integers(0, 3000),
)
def test_a_damaged_file_is_a_picture_or_a_bad_one(
    file: bytes, changes: list[tuple[int, int]], length: int
) -> None:
    damaged = bytearray(file[: max(len(file) // 4, length)])
    for at, value in changes:
        damaged[at % len(damaged)] = value
    try:
        pixels = decode(bytes(damaged))
    except BadImage:
        return
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert max(pixels.shape) <= MAX_SIDE


@given(st.binary(max_size=200))
def test_any_bytes_are_a_picture_or_a_bad_one(data: bytes) -> None:
    with suppress(BadImage):
        decode(data)


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    ("size", "max_side", "seen"),
    [((1200, 800), 300, (200, 300)), ((120, 80), 300, (80, 120)), ((3000, 30), 0, (20, MAX_SIDE))],
)
def test_a_picture_is_decoded_no_larger_than_asked_for(
    format: str, size: tuple[int, int], max_side: int, seen: tuple[int, int]
) -> None:
    data = file_of(Image.new("RGB", size), format)
    assert decode(data, max_side).shape == (*seen, 3)

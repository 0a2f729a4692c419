"""Files that are seldom seen and still pictures: their pixels are right, not only their names."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageCms

from inference.decode import decode
from tests.api.asking import ask, data_url, image, look, refused
from tests.inference.test_decode import CORNERS, HEIGHT, WIDTH, assert_corners, file_of, quarters

Corner = tuple[int, ...]

GREYS: list[Corner] = [(10,) * 3, (90,) * 3, (160,) * 3, (250,) * 3]
WHITE = (255, 255, 255)


def rgb() -> Any:
    return np.asarray(quarters())


def greys() -> Image.Image:
    values = np.empty((HEIGHT, WIDTH), np.uint8)
    for number, (grey, _, _) in enumerate(GREYS):
        x, y = number % 2 * WIDTH // 2, number // 2 * HEIGHT // 2
        values[y : y + HEIGHT // 2, x : x + WIDTH // 2] = grey
    return Image.fromarray(values)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    rows: list[bytes], kind: int, bits: int = 8, *more: bytes, interlaced: bool = False
) -> bytes:
    """A PNG of *rows*, none of them filtered; *kind* is 0 grey, 2 RGB, 3 palette, 4 and 6 alpha."""
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, kind, 0, 0, interlaced)
    packed = zlib.compress(b"".join(b"\0" + row for row in rows))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(more)
    return start + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def rows(pixels: Any) -> list[bytes]:
    return [bytes(np.ascontiguousarray(row).tobytes()) for row in pixels]


def adam7() -> bytes:
    """Interlaced: seven pictures, each finer than the one before."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    steps = (*passes, (0, 1, 1, 2))
    found = [row for x, y, dx, dy in steps for row in rows(rgb()[y::dy, x::dx])]
    return png(found, 2, interlaced=True)


def sixteen(pixels: Any) -> Any:
    return (pixels.astype(np.uint16) * 257).astype(">u2")


def half_clear_palette() -> bytes:
    """The first colour of the palette half clear, the second wholly; both on white."""
    indexes = np.asarray(quarters().quantize(4)).copy()
    names = [int(indexes[y, x]) for y in (0, -1) for x in (0, -1)]
    place = np.argsort(names)  # of each palette entry
    palette = b"".join(bytes(CORNERS[place[entry]]) for entry in range(4))
    alpha = bytearray(b"\xff" * 4)
    alpha[names[0]], alpha[names[1]] = 128, 0
    return png(rows(indexes), 3, 8, chunk(b"PLTE", palette), chunk(b"tRNS", bytes(alpha)))


def bmp(
    bits: int, packing: int, pixels: bytes, *, height: int = HEIGHT, masks: bytes = b""
) -> bytes:
    offset = 54 + len(masks)
    header = struct.pack(
        "<IiiHHIIiiII", 40, WIDTH, height, 1, bits, packing, len(pixels), 0, 0, 0, 0
    )
    start = b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset)
    return start + header + masks + pixels


def bmp_top_down() -> bytes:
    return bmp(24, 0, rgb()[:, :, ::-1].tobytes(), height=-HEIGHT)


def bmp_565() -> bytes:
    wide = rgb()[::-1].astype(np.uint16)
    packed = (wide[:, :, 0] >> 3 << 11) | (wide[:, :, 1] >> 2 << 5) | wide[:, :, 2] >> 3
    return bmp(
        16, 3, packed.astype("<u2").tobytes(), masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    )


def bmp_runs() -> bytes:
    """Eight bits with a palette, in runs: RLE8."""
    half = bytes((WIDTH // 2,))
    lines = [half + bytes((left,)) + half + bytes((left + 1,)) + b"\0\0" for left in (2, 0)]
    pixels = lines[0] * (HEIGHT // 2) + lines[1] * (HEIGHT // 2) + b"\0\1"
    palette = b"".join(bytes((b, g, r, 0)) for r, g, b in CORNERS) + bytes(4 * 252)
    return bmp(8, 1, pixels, masks=palette)


def with_profile() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return file_of(quarters(), "JPEG", icc_profile=profile, quality=95)


def first_of_many(format: str, **options: Any) -> bytes:
    more = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("black", "white")]
    return file_of(quarters(), format, save_all=True, append_images=more, **options)


def tiff_chain() -> bytes:
    """A TIFF whose second page is the first one again, and so on for ever."""
    data = bytearray(file_of(quarters(), "TIFF"))
    (page,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, page)
    struct.pack_into("<I", data, page + 2 + 12 * entries, page)
    return bytes(data)


Make = Callable[[], bytes]
PICTURES: dict[str, tuple[Make, int]] = {  # and how far its colours may be off
    "interlaced PNG": (adam7, 0),
    "PNG of 16 bits a colour": (lambda: png(rows(sixteen(rgb())), 2, 16), 1),
    "PNG with a profile": (lambda: file_of(quarters(), "PNG", icc_profile=b"nonsense"), 0),
    "APNG": (lambda: first_of_many("PNG", duration=50), 0),
    "progressive JPEG": (lambda: file_of(quarters(), "JPEG", progressive=True, quality=95), 4),
    "JPEG of coarse colours": (lambda: file_of(quarters(), "JPEG", subsampling=2, quality=95), 8),
    "JPEG for printers": (lambda: file_of(quarters().convert("CMYK"), "JPEG", quality=95), 6),
    "JPEG with a profile": (with_profile, 4),
    "MPO, two eyes of a camera": (lambda: first_of_many("MPO", quality=95), 4),
    "GIF that moves": (lambda: first_of_many("GIF", duration=50, loop=0), 0),
    "WebP that moves": (lambda: first_of_many("WEBP", lossless=True), 0),
    "WebP with losses": (lambda: file_of(quarters(), "WEBP", quality=95), 12),
    "BMP from the top": (bmp_top_down, 0),
    "BMP of 16 bits": (bmp_565, 8),
    "BMP in runs": (bmp_runs, 0),
    "BMP of 32 bits": (lambda: file_of(quarters().convert("RGBA"), "BMP"), 0),
    "BMP with a palette": (lambda: file_of(quarters().quantize(4), "BMP"), 0),
    "TIFF of many pages": (lambda: first_of_many("TIFF"), 0),
    "TIFF without end": (tiff_chain, 0),
    "TIFF for printers": (lambda: file_of(quarters().convert("CMYK"), "TIFF"), 2),
    "TIFF with a palette": (lambda: file_of(quarters().quantize(4), "TIFF"), 0),
    "TIFF with a JPEG in it": (
        lambda: file_of(quarters(), "TIFF", compression="jpeg", quality=95),
        6,
    ),
    "TGA in runs": (lambda: file_of(quarters(), "TGA", compression="tga_rle"), 0),
    "JPEG 2000": (lambda: file_of(quarters(), "JPEG2000"), 0),
    "AVIF": (lambda: file_of(quarters(), "AVIF", quality=95), 12),
}
OTHER_CORNERS: dict[str, tuple[Make, list[Corner], int]] = {
    "greys of 16 bits, PNG": (lambda: png(rows(sixteen(np.asarray(greys()))), 0, 16), GREYS, 0),
    "greys of 16 bits, TIFF": (
        lambda: file_of(Image.fromarray(np.asarray(greys()).astype(np.uint16) * 257), "TIFF"),
        GREYS,
        0,
    ),
    "greys and alpha of 16 bits": (
        lambda: png(rows(sixteen(np.asarray(greys().convert("LA")))), 4, 16),
        GREYS,
        1,
    ),
    "greys, JPEG": (lambda: file_of(greys(), "JPEG", quality=95), GREYS, 2),
    "a palette with alpha": (
        half_clear_palette,
        [tuple((c + 255) // 2 for c in CORNERS[0]), WHITE, *CORNERS[2:]],
        1,
    ),
}  # fmt: skip
ALL: dict[str, tuple[Make, list[Corner], int]] = {
    **{name: (make, [*CORNERS], off) for name, (make, off) in PICTURES.items()},
    **OTHER_CORNERS,
}


@pytest.mark.parametrize("name", ALL)
def test_an_odd_file_shows_its_pixels(lookout: httpx.Client, name: str) -> None:
    make, corners, within = ALL[name]
    file = make()
    pixels = decode(file)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert_corners(pixels, corners, within)
    result = look(lookout, data_url(file))
    assert (result.width, result.height) == (WIDTH, HEIGHT)
    mean = np.array(corners).mean(axis=0)
    assert np.abs(np.array(result.colour) - mean).max() <= within + 4


@pytest.mark.parametrize("format", ["ICO", "PCX", "DDS", "SGI", "ICNS"])
def test_a_format_that_no_camera_has_is_refused(lookout: httpx.Client, format: str) -> None:
    file = file_of(quarters().resize((32, 32)), format)
    answer = ask(lookout, image(data_url(file)))
    reason = refused(answer, 400, "bad_image", "messages[0].content[0].image_url")
    assert "JPEG, PNG" in reason


def in_pieces(pieces: int) -> bytes:
    """A PNG with so many empty chunks after its pixels."""
    file = file_of(quarters(), "PNG")
    end = file.index(b"IEND") - 4
    return file[:end] + chunk(b"abCd", b"") * pieces + file[end:]


def in_scans(scans: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    buffer = BytesIO()
    quarters().save(buffer, "JPEG", progressive=True)
    head, _, last = buffer.getvalue().removesuffix(b"\xff\xd9").rpartition(b"\xff\xda")
    return head + (b"\xff\xda" + last) * scans + b"\xff\xd9"


@pytest.mark.parametrize("file", [in_pieces(60_000), in_scans(150)], ids=["PNG", "JPEG"])
def test_a_file_in_too_many_pieces_is_refused_before_it_costs_time(
    lookout: httpx.Client, file: bytes
) -> None:
    answer = ask(lookout, image(data_url(file)))
    assert "pieces" in refused(answer, 400, "bad_image", "messages[0].content[0].image_url")


@pytest.mark.parametrize("file", [in_pieces(10_000), in_scans(50)], ids=["PNG", "JPEG"])
def test_a_file_in_many_pieces_is_a_picture_all_the_same(
    lookout: httpx.Client, file: bytes
) -> None:
    assert look(lookout, data_url(file)).width == WIDTH

"""Whatever is no picture, or too much of one, is refused fast and costs little."""

import re
import socket
import struct
import zlib
from pathlib import Path
from time import monotonic

import httpx
import pytest
from PIL import Image

from tests.api.asking import RED, ask, data_url, file_of, image, look, refused, solid
from tests.api.conftest import Tight
from tests.stack import Stack

PARAM = "messages[0].content[0].image_url"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'


def png_chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png_of(width: int, height: int, *more: bytes, bits: int = 1) -> bytes:
    """A PNG that claims a size; its pixels are zeros, packed as small as can be."""
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    packer, rows = zlib.compressobj(9), (1 + (width * bits + 7) // 8) * height
    pixels = b"".join(packer.compress(bytes(1 << 16)) for _ in range(min(rows >> 16, 1000)))
    pixels += packer.compress(bytes(rows & 0xFFFF)) + packer.flush()
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    return start + b"".join(more) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def bmp_of(width: int, height: int) -> bytes:
    return b"BM" + struct.pack(
        "<IHHIIiiHHIIiiII", 1000, 0, 0, 54, 40, width, height, 1, 24, *[0] * 6
    )


def gif_of(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + b"\x2c" + bytes(20)


def jpeg_of(width: int, height: int) -> bytes:
    file = file_of(solid(), "JPEG")
    at = file.index(b"\xff\xc0") + 5
    return file[:at] + struct.pack(">HH", height, width) + file[at + 4 :]


def webp_of(width: int, height: int) -> bytes:
    """An animation's canvas, without any frame."""
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size
    chunks += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def peak_mib(pid: int) -> int:
    """The most memory that the process has had since `forget_peak`."""
    (kib,) = re.findall(r"VmHWM:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(kib) // 1024


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\x00",
        b"not a picture at all",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        SVG,
        b"<!doctype html><img src=x onerror=alert(1)>",
        b"%PDF-1.7\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        b"PK\x03\x04 a zip",
        b"#EXTM3U\nfile:///etc/passwd\n",
        b"RIFF\x10\x00\x00\x00WEBPVP8 ",
        bytes(100_000),
    ],
    ids=lambda file: repr(file[:12]),
)
def test_what_is_no_picture_is_refused(lookout: httpx.Client, file: bytes) -> None:
    refused(ask(lookout, image(data_url(file))), 400, "bad_image", PARAM)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_half_a_picture_is_refused(lookout: httpx.Client, format: str) -> None:
    noise = Image.effect_noise((64, 48), 90).convert("RGB")
    file = file_of(noise, format)
    answer = ask(lookout, image(data_url(file[: len(file) // 2])))
    assert answer.json()["error"]["code"] == "bad_image"
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "url",
    [
        "data:",
        "data:,",
        "data:image/png,abc",
        "data:image/png;base64",
        "data:image/png;base64,",
        "data:image/png;base64,A",
        "data:image/png;base64,=",
        "data:image/png;base64,%89PNG",
        "data:image/png;base64,äöü",
        "data:image/png;base64,\x00\x00",
        "data:image/png;base64,----____",
        "data:image/png;base64,AAAA=AAAA",
        "data:text/html;base64,PGI+",
        "data:application/octet-stream;base64,AAAA",
        "data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=",
        "data:image/svg+xml;utf8,<svg/>",
        "data:" + ";a" * 50_000,
    ],
    ids=lambda url: url[:40],
)
def test_a_data_url_without_a_picture_in_it_is_refused(lookout: httpx.Client, url: str) -> None:
    refused(ask(lookout, image(url)), 400, "bad_image", PARAM)


BOMBS = {
    "png": png_of(30_000, 30_000),
    "png, the most": png_of(2**31 - 1, 2**31 - 1)[:1000],
    "png, a line": png_of(200_000_000, 1),
    "png, over the cap": png_of(9_000, 9_000),
    "bmp": bmp_of(60_000, 60_000),
    "gif": gif_of(65_535, 65_535),
    "jpeg": jpeg_of(65_500, 65_500),
    "ppm": b"P6 99999 99999 255\n",
    "tga": struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 65_535, 65_535, 24, 0) + bytes(99),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_its_header_alone(
    lookout: httpx.Client, echo_stack: Stack, name: str
) -> None:
    url, began = data_url(BOMBS[name]), monotonic()
    (api,) = echo_stack.pids("-m api")
    forget_peak(api)
    before = peak_mib(api)
    refused(ask(lookout, image(url)), 413, "image_too_large", PARAM)
    assert monotonic() - began < 3
    assert peak_mib(api) - before < 50


def test_a_canvas_without_a_picture_costs_nothing(lookout: httpx.Client, echo_stack: Stack) -> None:
    pids = [*echo_stack.pids("-m api"), *echo_stack.pids("-m inference")]
    for pid in pids:
        forget_peak(pid)
    before = sum(map(peak_mib, pids))
    answer = ask(lookout, image(data_url(webp_of(16_383, 16_383))))
    assert answer.json()["error"]["code"] in ("bad_image", "image_too_large")
    assert sum(map(peak_mib, pids)) - before < 100


@pytest.mark.parametrize(
    "part",
    [
        png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(200_000_000), 9)),
        png_chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(200_000_000), 9)),
        png_chunk(b"abCd", b"") * 200_000,
    ],
    ids=["profile", "text", "parts"],
)
def test_a_header_cannot_be_a_bomb_either(
    lookout: httpx.Client, echo_stack: Stack, part: bytes
) -> None:
    (api,) = echo_stack.pids("-m api")
    forget_peak(api)
    before, began = peak_mib(api), monotonic()
    refused(ask(lookout, image(data_url(png_of(4, 4, part)))), 400, "bad_image", PARAM)
    assert monotonic() - began < 3
    assert peak_mib(api) - before < 100


def test_the_largest_picture_allowed_is_answered_in_bounded_memory(
    lookout: httpx.Client, echo_stack: Stack
) -> None:
    (inference,) = echo_stack.pids("-m inference")
    forget_peak(inference)
    before = peak_mib(inference)
    result = look(lookout, data_url(png_of(7_990, 7_990)))
    assert (result.width, result.colour) == (2048, (0, 0, 0))
    assert peak_mib(inference) - before < 600


def test_a_file_of_many_megabytes_is_refused(lookout: httpx.Client, echo_stack: Stack) -> None:
    (api,) = echo_stack.pids("-m api")
    forget_peak(api)
    before = peak_mib(api)
    url = data_url(file_of(solid()) + bytes(33 << 20))
    refused(ask(lookout, image(url)), 413, "image_too_large", PARAM)
    assert peak_mib(api) - before < 400


def test_limits_are_settings(tight: Tight) -> None:
    assert look(tight.http, data_url(file_of(solid(RED, 1000, 1000)))).colour == RED
    reason = refused(
        ask(tight.http, image(data_url(file_of(solid(RED, 1001, 1000))))),
        413,
        "image_too_large",
        PARAM,
    )
    assert "1001x1000" in reason
    heavy = data_url(file_of(solid()) + bytes(600_000))
    reason = refused(ask(tight.http, image(heavy)), 413, "image_too_large", PARAM)
    assert "0.5 MiB" in reason


def test_the_stack_serves_on_after_all_that(lookout: httpx.Client, echo_stack: Stack) -> None:
    assert look(lookout, data_url(file_of(solid()))).colour == RED
    assert len(echo_stack.pids("-m inference")) == 1


def test_headers_without_end_cost_no_memory(lookout: httpx.Client, echo_stack: Stack) -> None:
    (api,) = echo_stack.pids("-m api")
    forget_peak(api)
    before = peak_mib(api)
    address = echo_stack.address
    with socket.create_connection(address, timeout=5) as client, pytest.raises(ConnectionError):
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\n")
        for number in range(100_000):
            client.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1000))
        raise AssertionError("it never had enough of headers")
    assert peak_mib(api) - before < 50
    assert lookout.get("/health/live").status_code == 200

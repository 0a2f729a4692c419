"""A picture reaches the model with its colours, its size and its place, however it is sent."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from PIL import Image

from tests.api.asking import (
    BLUE,
    GREEN,
    RED,
    Colour,
    Seen,
    ask,
    data_url,
    file_of,
    image,
    is_near,
    look,
    said,
    seen,
    solid,
)
from tests.api.origin import Origin

WIDTH, HEIGHT = 64, 48
GREY: Colour = (120, 120, 120)

FILES: list[tuple[str, Image.Image, str, dict[str, Any], Colour]] = [
    ("png", solid(), "PNG", {}, RED),
    ("jpeg", solid(), "JPEG", {"quality": 95}, RED),
    ("progressive jpeg", solid(), "JPEG", {"progressive": True, "quality": 95}, RED),
    ("webp", solid(), "WEBP", {"lossless": True}, RED),
    ("gif", solid(), "GIF", {}, RED),
    ("bmp", solid(), "BMP", {}, RED),
    ("tiff", solid(), "TIFF", {"compression": "tiff_lzw"}, RED),
    ("ppm", solid(), "PPM", {}, RED),
    ("avif", solid(), "AVIF", {"quality": 95}, RED),
    ("jpeg 2000", solid(), "JPEG2000", {}, RED),
    ("rgba png", solid().convert("RGBA"), "PNG", {}, RED),
    ("clear png, on white", Image.new("RGBA", (64, 48), (*RED, 0)), "PNG", {}, (255, 255, 255)),
    ("half clear webp", Image.new("RGBA", (64, 48), (0, 0, 0, 128)), "WEBP", {}, (127, 127, 127)),
    ("palette png", solid().quantize(4), "PNG", {}, RED),
    ("palette png, all clear", solid().quantize(4), "PNG", {"transparency": 0}, (255,) * 3),
    ("grey png", Image.new("L", (64, 48), 120), "PNG", {}, GREY),
    ("grey png, all clear", Image.new("L", (64, 48), 9), "PNG", {"transparency": 9}, (255,) * 3),
    ("grey jpeg", Image.new("L", (64, 48), 120), "JPEG", {}, GREY),
    ("grey and alpha", Image.new("LA", (64, 48), (120, 255)), "PNG", {}, GREY),
    ("black and white", Image.new("1", (64, 48), 1), "PNG", {}, (255, 255, 255)),
    ("cmyk jpeg", solid().convert("CMYK"), "JPEG", {"quality": 95}, RED),
    ("16-bit png", Image.fromarray(np.full((48, 64), 120 * 257, np.uint16)), "PNG", {}, GREY),
    ("16-bit tiff", Image.fromarray(np.full((48, 64), 120 * 257, np.uint16)), "TIFF", {}, GREY),
]  # fmt: skip


@pytest.mark.parametrize(
    ("picture", "format", "options", "colour"),
    [case[1:] for case in FILES],
    ids=[case[0] for case in FILES],
)
def test_every_usual_file_shows_its_colour(
    lookout: httpx.Client,
    picture: Image.Image,
    format: str,
    options: dict[str, Any],
    colour: Colour,
) -> None:
    result = look(lookout, data_url(file_of(picture, format, **options)))
    assert (result.width, result.height) == (WIDTH, HEIGHT)
    assert is_near(result.colour, colour)


@pytest.mark.parametrize(
    ("format", "options"),
    [("GIF", {"loop": 0, "duration": 20}), ("WEBP", {"lossless": True}), ("PNG", {})],
)
def test_of_moving_pictures_the_first_one_counts(
    lookout: httpx.Client, format: str, options: dict[str, Any]
) -> None:
    more = [solid(GREEN), solid(BLUE)]
    file = file_of(solid(RED), format, save_all=True, append_images=more, **options)
    assert is_near(look(lookout, data_url(file)).colour, RED)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("format", "mode"), [("JPEG", "RGB"), ("PNG", "RGBA")])
def test_a_photo_taken_sideways_is_turned_upright(
    lookout: httpx.Client, format: str, mode: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = file_of(solid().convert(mode), format, exif=exif)
    result = look(lookout, data_url(file))
    turned = orientation >= 5
    assert (result.width, result.height) == ((HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT))


def test_a_photo_of_many_megapixels_is_made_smaller(lookout: httpx.Client) -> None:
    result = look(lookout, data_url(file_of(solid(RED, 6000, 4000), "JPEG")))
    assert max(result.width, result.height) <= 2048
    assert result.width / result.height == pytest.approx(1.5, abs=0.01)
    assert is_near(result.colour, RED)


def test_a_picture_of_one_pixel_is_a_picture(lookout: httpx.Client) -> None:
    assert look(lookout, data_url(file_of(solid(RED, 1, 1)))) == Seen(1, 1, RED)


def test_pictures_keep_their_order_among_the_texts(lookout: httpx.Client) -> None:
    colours = [RED, GREEN, BLUE, RED, (0, 0, 0), GREEN]
    parts: list[object] = [image(data_url(file_of(solid(colour)))) for colour in colours]
    parts.insert(2, {"type": "text", "text": "and then"})
    answer = ask(lookout, *parts)
    assert [picture.colour for picture in seen(answer)] == colours
    assert said(answer).startswith("and then\n")


def test_pictures_of_earlier_turns_come_first(client: openai.OpenAI) -> None:
    def message(role: str, colour: Colour) -> Any:
        return {"role": role, "content": [image(data_url(file_of(solid(colour))))]}

    answer = client.chat.completions.create(
        model="echo", messages=[message("system", RED), message("user", BLUE)]
    )
    assert (answer.choices[0].message.content or "").strip().splitlines() == [
        "[image 1: 64x48 mean RGB 200 30 40]",
        "[image 2: 64x48 mean RGB 10 50 220]",
    ]


@pytest.mark.parametrize(
    "before",
    ["data:;base64,", "data:image/png;charset=utf-8;base64,", "DATA:IMAGE/PNG;BASE64,"],
)
def test_a_data_url_may_be_written_in_several_ways(lookout: httpx.Client, before: str) -> None:
    body = data_url(file_of(solid())).partition(",")[2]
    assert look(lookout, before + body).colour == RED


def test_the_file_counts_and_not_what_it_is_called(lookout: httpx.Client) -> None:
    assert look(lookout, data_url(file_of(solid()), "image/jpeg")).colour == RED


def test_base64_may_lack_its_end_or_have_line_breaks(lookout: httpx.Client) -> None:
    before, body = "data:image/png;base64,", data_url(file_of(solid())).partition(",")[2]
    lines = [body[at : at + 76] for at in range(0, len(body), 76)]
    for text in ("\r\n".join(lines), "\n".join(lines) + "\n", body.rstrip("="), f" {body} "):
        assert look(lookout, before + text).colour == RED


@pytest.mark.parametrize("path", ["picture", "unlabelled", "chunked", "relative"])
def test_a_picture_is_fetched(lookout: httpx.Client, origin: Origin, path: str) -> None:
    assert look(lookout, origin.url(path)) == Seen(64, 48, GREEN)


def test_a_redirect_is_followed_to_where_the_picture_is(
    lookout: httpx.Client, origin: Origin
) -> None:
    assert look(lookout, origin.url(f"away?to={origin.url('picture')}")).colour == GREEN
    assert look(lookout, origin.url("picture").replace("http", "HTTP")).colour == GREEN


def test_the_address_of_a_picture_may_have_any_letters(
    lookout: httpx.Client, origin: Origin
) -> None:
    assert look(lookout, origin.url("picture?größe=a b&日=%41")).colour == GREEN
    assert origin.asked[-1] == "picture?gr%C3%B6%C3%9Fe=a%20b&%E6%97%A5=%41"


def test_a_fetched_picture_opens_no_camera(lookout: httpx.Client, origin: Origin) -> None:
    before = lookout.get("/v1/cameras").json()["data"]
    look(lookout, origin.url("picture"))
    after = lookout.get("/v1/cameras").json()["data"]
    assert [camera["id"] for camera in after] == [camera["id"] for camera in before]


def test_pictures_of_all_kinds_go_into_one_question(
    lookout: httpx.Client, origin: Origin, echo_stack_media: Path
) -> None:
    (echo_stack_media / "blue.png").write_bytes(file_of(solid(BLUE, 320, 240)))
    answer = ask(
        lookout,
        image(data_url(file_of(solid(RED)))),
        image(origin.url("picture")),
        image(f"file://{echo_stack_media}/blue.png"),
        image("demo"),
    )
    red, green, blue, demo = seen(answer)
    assert (red.colour, green.colour, blue.colour) == (RED, GREEN, BLUE)
    assert (blue.width, demo.width) == (320, 1280)

"""Questions over HTTP, and what tests want to know of the answers."""

import base64
import re
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import httpx
from PIL import Image

CHAT = "/v1/chat/completions"
_LINE = re.compile(r"\[image \d+: (\d+)x(\d+) mean RGB (\d+) (\d+) (\d+)\]")

Colour = tuple[int, int, int]

RED, GREEN, BLUE = (200, 30, 40), (20, 180, 60), (10, 50, 220)


@dataclass(frozen=True)
class Seen:
    """What the echo engine saw of one picture."""

    width: int
    height: int
    colour: Colour


def image(url: str) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url}}


def ask(http: httpx.Client, *content: object, **fields: object) -> httpx.Response:
    """One user message: a single string as it is, anything else as parts."""
    plain = len(content) == 1 and isinstance(content[0], str)
    message = {"role": "user", "content": content[0] if plain else list(content)}
    return http.post(CHAT, json={"messages": [message], **fields})


def said(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    content = answer.json()["choices"][0]["message"]["content"]
    assert isinstance(content, str)
    return content


def seen(answer: httpx.Response) -> list[Seen]:
    """The pictures that reached the engine, in order."""
    numbers = [tuple(map(int, found)) for found in _LINE.findall(said(answer))]
    return [Seen(width, height, (r, g, b)) for width, height, r, g, b in numbers]


def look(http: httpx.Client, url: str) -> Seen:
    """Ask about the one picture at *url*."""
    (picture,) = seen(ask(http, image(url)))
    return picture


def refused(answer: httpx.Response, status: int, code: str, param: str | None = None) -> str:
    """The reason of a refusal, once everything else about it is as it must be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param), error
    assert error["type"] == kind_of(status)
    message = error["message"]
    assert isinstance(message, str)
    assert 0 < len(message) < 500
    return message


def kind_of(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else "server_error"


def is_near(one: Colour, other: Colour, within: int = 2) -> bool:
    return all(abs(a - b) <= within for a, b in zip(one, other, strict=True))


def solid(colour: Colour = RED, width: int = 64, height: int = 48) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def file_of(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def data_url(file: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(file).decode()}"


def red_url() -> str:
    """A picture, where it does not matter which."""
    return data_url(file_of(solid()))

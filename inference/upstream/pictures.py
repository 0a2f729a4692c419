"""Pixels as `data:` URLs: a server is never sent where a picture lies, only the picture."""

import asyncio
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np

from bus.jpeg import encode_jpeg
from bus.tasks import together
from inference.engine import Pixels, Turn

QUALITY = 90
TINY = 64 * 64  # pixels up to which a PNG costs nothing; JPEG would blur what is so small

Urls = Mapping[int, str]  # by the id() of the pixels


async def encoded(pictures: Iterable[Pixels], max_side: int) -> Urls:
    """Each of *pictures* once, however often it is shown; in threads."""
    unique = {id(picture): picture for picture in pictures}
    urls = await together(
        asyncio.to_thread(data_url, picture, max_side) for picture in unique.values()
    )
    return dict(zip(unique, urls, strict=True))


def pictures_of(turns: Sequence[Turn]) -> list[Pixels]:
    return [part for turn in turns for part in turn.content if not isinstance(part, str)]


def data_url(picture: Pixels, max_side: int) -> str:
    """Blocks for some milliseconds."""
    fitted = _fit(picture, max_side)
    if fitted.shape[0] * fitted.shape[1] <= TINY:
        return f"data:image/png;base64,{b64encode(_png(fitted)).decode()}"
    return f"data:image/jpeg;base64,{b64encode(encode_jpeg(fitted, QUALITY)).decode()}"


def _fit(picture: Pixels, max_side: int) -> Pixels:
    height, width = picture.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _png(picture: Pixels) -> bytes:
    _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return data.tobytes()

"""
Pictures behind http(s), fetched without becoming a way into the private network.

A password in the URL goes to the server that it is for, and to none that it redirects to.
"""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urljoin

import httpcore
import httpx

from api.addresses import AllowList, GuardedNetwork, Refused, resolve
from bus.errors import BadImage, ImageTooLarge

REDIRECTS = 3
AT_ONCE = 32  # of the process: each may take as much memory as a picture may have
HEADERS = [
    ("accept", "image/*, */*"),
    ("accept-encoding", "identity"),  # what is not packed cannot grow
    ("user-agent", "lookout"),  # some servers answer nobody who has no name
]
MAX_WHY = 200  # characters of what a server's nonsense is called
NO_URL = "this is not a URL that can be fetched"
_VIDEO = (
    *("video/", "multipart/x-mixed-replace"),
    *("application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl"),
)
# Never a picture, whatever is in it. Many a picture is called text/plain, though.
_NO_PICTURE = (
    *("text/html", "text/xml", "text/css", "text/javascript", "audio/", "font/"),
    *("application/xhtml", "application/xml", "application/json", "application/javascript"),
    *("application/pdf", "application/zip"),
)


@dataclass(frozen=True)
class Fetched:
    """What a URL gave: a picture's bytes, or the news that it is a camera (`data` None)."""

    url: str  # after redirects
    data: bytes | None


def _place(url: str) -> httpx.URL:
    """*url* as a browser would write it: `größe.png` in ASCII. Raise `BadImage`."""
    try:
        return httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as error:  # whose words may hold half a password
        raise BadImage(NO_URL) from error


def _server(place: httpx.URL) -> tuple[str, str, int | None]:
    return place.scheme, place.host, place.port


def _login(place: httpx.URL) -> list[tuple[str, str]]:
    """The header for the name and the password in *place*, if there are any."""
    if not place.userinfo:
        return []
    pair = base64.b64encode(f"{place.username}:{place.password}".encode()).decode()
    return [("authorization", f"Basic {pair}")]


def _told(answer: httpcore.Response) -> dict[str, str]:
    """The headers of *answer* by their names in small letters; so are the kinds."""
    headers = {
        key.lower().decode("latin-1"): value.decode("latin-1") for key, value in answer.headers
    }
    headers["content-type"] = headers.get("content-type", "").strip().lower()
    return headers


def _refuse_what_is_no_picture(told: dict[str, str]) -> None:
    kind, _, _ = told["content-type"].partition(";")
    if kind.startswith(_NO_PICTURE):
        raise BadImage(
            f"the picture's server sent {kind[:40]}, which is no picture: "
            "write the address of the picture itself"
        )
    packed = told.get("content-encoding", "identity").strip().lower()
    if packed not in ("", "identity"):
        raise BadImage(
            f"the picture's server sent it packed as {packed[:20]}: that is not unpacked"
        )


class Fetcher:
    """Use `open_fetcher`."""

    def __init__(
        self, pool: httpcore.AsyncConnectionPool, allow: AllowList, size_bytes: int, wait_s: float
    ) -> None:
        self._allow = allow
        self._pool, self._size_bytes, self._wait_s = pool, size_bytes, wait_s
        self._room = asyncio.Semaphore(AT_ONCE)

    async def get(self, url: str) -> Fetched:
        """Raise `BadImage` with the reason when there is no picture to be had."""
        if not (host := _place(url).host):
            raise BadImage("the URL of the picture names no host")
        try:
            async with self._room, asyncio.timeout(self._wait_s):
                return await self._follow(url)
        except TimeoutError as error:
            raise BadImage(f"{host} did not send the picture within {self._wait_s:g} s") from error
        except Refused as error:
            raise BadImage(str(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            why = str(error)[:MAX_WHY]
            raise BadImage(f"the picture cannot be fetched from {host}: {why}") from error
        except (ValueError, httpcore.UnsupportedProtocol) as error:
            raise BadImage(NO_URL) from error

    async def may_open(self, host: str, port: int) -> bool:
        """Whether *host* is listed: a camera there is read by a library that checks nothing."""
        try:
            addresses = await resolve(host, port)
        except httpcore.ConnectError as error:
            raise BadImage(str(error)) from error
        return all(self._allow.names(host, address) for address in addresses)

    async def _follow(self, url: str) -> Fetched:
        place = first = _place(url)
        for _ in range(REDIRECTS + 1):
            if place.scheme not in ("http", "https"):
                raise BadImage("the picture's server redirects to something that is not http")
            headers = HEADERS + (_login(first) if _server(place) == _server(first) else [])
            async with self._pool.stream("GET", str(place), headers=headers) as answer:
                told = _told(answer)
                if answer.status in (301, 302, 303, 307, 308) and told.get("location"):
                    url = urljoin(url, told["location"])
                    place = _place(url)
                    continue
                if answer.status != 200:
                    raise BadImage(f"the picture's server answered {answer.status}")
                if told.get("content-type", "").startswith(_VIDEO):
                    return Fetched(url, None)
                return Fetched(url, await self._read(answer, told))
        raise BadImage(f"the picture's server redirects more than {REDIRECTS} times")

    async def _read(self, answer: httpcore.Response, told: dict[str, str]) -> bytes:
        _refuse_what_is_no_picture(told)
        data = bytearray()
        announced = told.get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._size_bytes:
            raise ImageTooLarge(f"the picture is larger than {self._size_bytes / 2**20:g} MiB")
        async for chunk in answer.aiter_stream():
            data += chunk
            if len(data) > self._size_bytes:
                raise ImageTooLarge(f"the picture is larger than {self._size_bytes / 2**20:g} MiB")
        return bytes(data)


@asynccontextmanager
async def open_fetcher(allow: AllowList, size_bytes: int, wait_s: float) -> AsyncGenerator[Fetcher]:
    async with httpcore.AsyncConnectionPool(
        network_backend=GuardedNetwork(allow, resolve),
        max_connections=AT_ONCE,
        max_keepalive_connections=0,
    ) as pool:
        yield Fetcher(pool, allow, size_bytes, wait_s)

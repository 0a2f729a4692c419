"""One request to a server and the events of its answer; each failure of it as one of ours."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from urllib.parse import urlsplit

import httpx

from bus.errors import EngineError
from inference.engine import EngineLost
from inference.upstream.endpoint import Endpoint
from inference.upstream.events import MOST_BYTES, Events
from inference.upstream.failures import Unusable, complaint, refusal

MOST_ERROR_BYTES = 64 << 10
END_S = 2.0  # for what may follow when the answer itself has ended
MOST_TAIL_BYTES = 64 << 10
NO_EVENTS = ("text/html", "application/json")


class Unlisted(Unusable):
    """The server may be fine, but it does not tell which models it has."""


@contextmanager
def translated(endpoint: Endpoint) -> Iterator[None]:
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise EngineLost(f"{endpoint.place} cannot be reached: it does not answer") from error
    except httpx.ConnectError as error:
        raise EngineLost(f"{endpoint.place} cannot be reached: {error}") from error
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise EngineLost(f"{endpoint.place} broke the connection: {reason}") from error


class Answer:
    """The events of an answer, one after the other."""

    def __init__(self, endpoint: Endpoint, pieces: AsyncIterator[bytes]) -> None:
        self._endpoint, self._pieces = endpoint, pieces
        self._events = Events()
        self._waiting = deque[bytes]()
        self._ended = False

    async def event(self, until: float, otherwise: str) -> bytes | None:
        """
        The next one; None when the connection has ended.

        Raise `EngineLost`, which says *otherwise*, when the loop's clock shows *until*.
        """
        if not self._waiting and not self._ended:
            try:
                async with asyncio.timeout_at(until):
                    await self._wait()
            except TimeoutError as error:
                raise EngineLost(f"{self._endpoint.place} {otherwise}") from error
        return self._waiting.popleft() if self._waiting else None

    async def _wait(self) -> None:
        while not self._waiting and not self._ended:
            with translated(self._endpoint):
                piece = await anext(self._pieces, None)
            if piece is None:
                self._ended = True
                self._waiting.extend(self._events.rest())
            else:
                self._waiting.extend(self._events.feed(piece))

    async def end(self) -> None:
        """Read what follows the last event, so that the connection can be used again."""
        size = 0
        with suppress(TimeoutError, EngineLost):
            async with asyncio.timeout(END_S):
                while not self._ended and size < MOST_TAIL_BYTES:
                    with translated(self._endpoint):
                        piece = await anext(self._pieces, None)
                    self._ended = piece is None
                    size += len(piece or b"")


@asynccontextmanager
async def asked(
    http: httpx.AsyncClient, endpoint: Endpoint, body: bytes, until: float, otherwise: str
) -> AsyncGenerator[Answer]:
    """
    Send *body* as a chat; leaving the block closes the connection, which aborts the answer.

    Raise what the server refuses it with, or `EngineLost`, as `Answer.event` does.
    """
    request = http.build_request("POST", f"{endpoint.base_url}/chat/completions", content=body)
    try:
        with translated(endpoint):
            async with asyncio.timeout_at(until):
                response = await http.send(request, stream=True)
    except TimeoutError as error:
        raise EngineLost(f"{endpoint.place} {otherwise}") from error
    async with aclosing(response):
        if response.status_code != 200:
            raise refusal(endpoint, response.status_code, await _start(response), response.headers)
        if response.headers.get("content-type", "").startswith(NO_EVENTS):
            raise _no_stream(endpoint, await _start(response))
        yield Answer(endpoint, response.aiter_bytes())


async def got(http: httpx.AsyncClient, endpoint: Endpoint, path: str, within_s: float) -> bytes:
    """What lies at *path*; raise what the server refuses it with, or `EngineLost`."""
    try:
        with translated(endpoint):
            async with (
                asyncio.timeout(within_s),
                http.stream("GET", f"{endpoint.base_url}/{path}") as response,
            ):
                data = await _start(response, MOST_BYTES)
    except TimeoutError as error:
        raise EngineLost(f"{endpoint.place} does not answer") from error
    if response.status_code in (404, 405, 501):
        raise Unlisted(f"{endpoint.place} has no {urlsplit(endpoint.base_url).path}/{path}")
    if response.status_code != 200:
        raise refusal(endpoint, response.status_code, data, response.headers)
    return data


async def _start(response: httpx.Response, most_bytes: int = MOST_ERROR_BYTES) -> bytes:
    """The beginning of a body, as far as it comes in time."""
    start = bytearray()
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(END_S):
            async for piece in response.aiter_bytes():
                start += piece
                if len(start) > most_bytes:
                    break
    return bytes(start[:most_bytes])


def _no_stream(endpoint: Endpoint, body: bytes) -> EngineError:
    said = complaint(body).message or "it may not be an OpenAI-compatible server"
    return Unusable(f"{endpoint.place} streams no events: {said}")

"""What one request may cost before anybody looks at it: bytes, time, a connection."""

import asyncio
from contextlib import suppress
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import RequestTimeout, RequestTooLarge, response
from api.keys import OPEN
from bus.errors import LookoutError, Unavailable

FULL = "full"  # in the state of a connection that is one too many; see `api.server`


class LimitBody:
    """
    ASGI middleware: 413 for a body of more than *size_bytes*, announced or not.

    It is counted as it arrives, so a huge one costs no memory. One that has not arrived
    *within_s* is a 408.
    """

    def __init__(self, app: ASGIApp, size_bytes: int, within_s: float) -> None:
        self._app, self._size_bytes, self._within_s = app, size_bytes, within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, send, self._size_bytes, self._within_s)
        if _announced(scope) > self._size_bytes:
            await response(body.too_large())(scope, receive, send)
            return
        with suppress(RequestTooLarge, RequestTimeout):
            await self._app(scope, body.receive, body.send)
        if body.error and not body.answered:
            answer = response(body.error)
            if isinstance(body.error, RequestTimeout):  # whatever may still come
                answer.headers["connection"] = "close"
            await answer(scope, receive, send)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


class _Body:
    """Between the client and the application, until the body is whole."""

    def __init__(self, receive: Receive, send: Send, size_bytes: int, within_s: float) -> None:
        self._receive, self._send = receive, send
        self._size_bytes = self._left = size_bytes
        self._within_s, self._until = within_s, monotonic() + within_s
        self._whole = self.answered = False
        self.error: LookoutError | None = None

    def too_large(self) -> RequestTooLarge:
        return RequestTooLarge(f"the request is larger than {self._size_bytes / 2**20:g} MiB")

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._until - monotonic())):
                message = await self._receive()
        except TimeoutError:
            self.error = RequestTimeout(f"the request did not arrive within {self._within_s:g} s")
            raise self.error from None
        self._whole = not message.get("more_body", False)
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.error = self.too_large()
            raise self.error
        return message

    async def send(self, message: Message) -> None:
        if not self.error:  # if there is one, it is what the application made of our error
            self.answered = True
            await self._send(message)


class TurnAway:
    """ASGI middleware: 503 on a connection that is one too many; health answers all the same."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if FULL in scope.get("state", ()) and not OPEN.fullmatch(scope["path"]):
            full = response(Unavailable("too many connections: try again shortly"))
            full.headers["connection"] = "close"
            await full(scope, receive, send)
        else:
            await self._app(scope, receive, send)

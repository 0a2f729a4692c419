"""Every request has an id, in its answer and in every line of the log, and one line of its own."""

import logging
import os
import re
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bus.keys import ANONYMOUS
from bus.log import JOB, REQUEST

log = logging.getLogger(__name__)

# What we take over from a client; not what is one of our keys.
ID = re.compile(rb"(?!lk-)[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
QUIET = re.compile(rb"(/v1|/api/v1)?/(health/(live|ready)|metrics)")  # asked every few seconds
STARTS = ("http.response.start", "websocket.http.response.start", "websocket.accept")
GONE = 499  # who asked left before there was an answer
LONGEST = 200  # characters of a path in the log


class Traced:
    """ASGI middleware: `x-request-id` in and out, `openai-processing-ms`, a line in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request, status, began = _id(scope), GONE, perf_counter()
        scope["lookout.key"] = ANONYMOUS
        REQUEST.set(request)  # each request is a task, whose end is the end of this
        JOB.set("")

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] in STARTS:
                status = message.get("status", 101)
                took = b"%d" % round((perf_counter() - began) * 1000)
                more = (b"x-request-id", request.encode()), (b"openai-processing-ms", took)
                message["headers"] = [*message.get("headers", ()), *more]
            await send(message)

        try:
            await self._app(scope, receive, marked)
        finally:
            _tell(scope, status, (perf_counter() - began) * 1000)


def _id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and ID.fullmatch(value):
            given: str = value.decode()
            return given
    return f"req_{os.urandom(12).hex()}"


def _tell(scope: Scope, status: int, took_ms: float) -> None:
    """As it came, percent signs and all: no line of the log can be made up, and no query."""
    path = scope["raw_path"][:LONGEST]
    level = logging.DEBUG if QUIET.fullmatch(path) else logging.INFO
    if log.isEnabledFor(level):
        method, key = scope.get("method", "WEBSOCKET"), scope["lookout.key"]
        text = "request served method=%s path=%s status=%d ms=%.1f key=%s"
        log.log(level, text, method, path.decode("latin-1"), status, took_ms, key)

"""Whoever asks must show a key, whatever he asks for; nothing of a request is read before."""

import re
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import response
from bus.errors import Unauthorized
from bus.keys import Keys

OPEN = re.compile(r"(/v1|/api/v1)?/health/(live|ready)")  # orchestrators ask without a key
# What browsers and players open by its URL alone: they cannot send a header.
VIEWED = re.compile(
    r"(/api)?/v1/(alerts/(ws|stream|[^/]+/snapshot\.jpg)"
    r"|cameras/[^/]+/(frame\.jpg|preview\.mjpeg))"
)
IN_QUERY = ("token", "access_token")


class RequireKey:
    """ASGI middleware: 401 without one of *keys*; else `lookout.key` in the scope is its name."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app, self._keys = app, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        secret = _shown(scope)
        owner = self._keys.owner(secret) if secret else None
        if owner is not None:
            scope["lookout.key"] = owner
        elif not OPEN.fullmatch(scope["path"]):
            await response(_refusal(secret))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _refusal(secret: str) -> Unauthorized:
    if secret:
        return Unauthorized("the key is wrong: it is none of those that this server knows")
    return Unauthorized("no key: this server wants one, as `Authorization: Bearer KEY`")


def _shown(scope: Scope) -> str:
    """The key in the header, else in the query; empty if there is none."""
    in_query = _cut_from_query(scope)
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, secret = value.decode("latin-1").strip().partition(" ")
            if kind.lower() == "bearer":  # another kind is for a proxy before us
                return str(secret.strip())
    return in_query


def _cut_from_query(scope: Scope) -> str:
    """The key in the query, where it may stand there; nobody after us shall see or log it."""
    query = scope["query_string"]
    if b"token=" not in query:
        return ""
    fields = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    rest = [(name, value) for name, value in fields if name not in IN_QUERY]
    scope["query_string"] = urlencode(rest).encode()
    if scope.get("method", "GET") not in ("GET", "HEAD") or not VIEWED.fullmatch(scope["path"]):
        return ""
    return next((value for name, value in fields if name in IN_QUERY), "")

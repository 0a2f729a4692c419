"""User and password over HTTP, basic or digest: said as the camera asks, and only when it does."""

from contextlib import suppress

import httpx


class Login:
    def __init__(self, user: str, password: str) -> None:
        self.given = bool(user or password)
        self._basic = httpx.BasicAuth(user, password)
        self._digest = httpx.DigestAuth(user, password)
        self._chosen: httpx.Auth | None = None

    def sign(self, request: httpx.Request) -> None:
        """As the camera wanted it the last time."""
        if self._chosen:
            next(self._chosen.auth_flow(request))

    def answer(self, request: httpx.Request, asked: httpx.Headers) -> bool:
        """Sign *request*, which was refused; whether that can help."""
        kinds = " ".join(asked.get_list("www-authenticate")).lower()
        if "digest" in kinds and self._sign_digest(request, asked):
            self._chosen = self._digest
            return True
        if "basic" in kinds:
            self._chosen = self._basic
            self.sign(request)
            return True
        return False

    def _sign_digest(self, request: httpx.Request, asked: httpx.Headers) -> bool:
        flow = self._digest.auth_flow(request)
        next(flow)
        # What it does not understand it reports in all these ways.
        unknown = StopIteration, httpx.ProtocolError, KeyError, ValueError, NotImplementedError
        with suppress(*unknown):
            flow.send(httpx.Response(401, headers=asked, request=request))
            return True
        return False

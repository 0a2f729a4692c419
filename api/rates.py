"""
How much a key may ask of the models: requests per minute, and at once.

Counted in Redis, so several api processes keep to it together; a model cannot be asked
without Redis anyway. Of each key a bucket as large as a minute's requests, which fills up
evenly, and a set of the requests under way, which forgets those of a process that died.
"""

import asyncio
import math
import re
import uuid
from dataclasses import dataclass

from redis.asyncio import Redis
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import response
from bus import names
from bus.errors import LookoutError, RateLimited, Unavailable
from bus.redis import Batch, translated

ASKING = re.compile(
    r"(/api)?/v1/(chat/completions?|responses|rules/([^/]+/)?test)"
)  # POST: what keeps a model busy
WAIT_S = 5.0  # for Redis
MINUTE_MS = 60_000

_ADMIT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local per_minute, at_once, keep_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if at_once > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
end
local busy = at_once > 0 and redis.call('ZCARD', KEYS[2]) >= at_once
local full_at, step = now, 0
if per_minute > 0 then
  step = 60000 / per_minute
  full_at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
end
local wait = full_at + step - now - 60000
local admitted = not busy and wait <= 0
if admitted and per_minute > 0 then
  full_at = full_at + step
  redis.call('SET', KEYS[1], string.format('%.3f', full_at), 'PX', math.ceil(full_at - now) + 1)
end
if admitted and at_once > 0 then
  redis.call('ZADD', KEYS[2], now + keep_ms, ARGV[4])
  redis.call('PEXPIRE', KEYS[2], keep_ms)
end
return {admitted and 1 or 0, busy and 1 or 0, math.ceil(full_at - now), math.ceil(wait)}
"""


@dataclass(frozen=True)
class Allowance:
    """Of each key; 0: without a limit."""

    per_minute: int
    at_once: int


@dataclass(frozen=True)
class Admission:
    """What a key may still do."""

    allowed: Allowance
    admitted: bool
    busy: bool  # as much is under way as may be
    full_ms: int  # until the whole allowance of a minute is there again
    wait_ms: int  # until the next request is admitted, if it is not

    def headers(self) -> list[tuple[bytes, bytes]]:
        """OpenAI's."""
        limit = self.allowed.per_minute
        if not limit:
            return []
        left = math.floor((MINUTE_MS - self.full_ms) * limit / MINUTE_MS + 1e-6)
        values = {"limit": str(limit), "remaining": str(max(0, left))}
        values["reset"] = duration(self.full_ms)
        return [
            (f"x-ratelimit-{name}-requests".encode(), value.encode())
            for name, value in values.items()
        ]

    def refusal(self, key: str) -> RateLimited | None:
        if self.admitted:
            return None
        if self.busy:
            text = f"{self.allowed.at_once} requests at once is all that {key} may ask"
            return RateLimited(text)
        wait_s = max(0, self.wait_ms) / 1000
        limit = f"{self.allowed.per_minute} requests per minute is all that {key} may ask"
        text = f"{limit}: try again in {duration(self.wait_ms)}"
        return RateLimited(text, retry_after_s=math.ceil(wait_s))


def duration(ms: int) -> str:
    """As OpenAI writes it: `120ms`, `1.5s`, `6m0s`, `1h0m0s`."""
    if ms < 1000:
        return f"{max(0, ms)}ms"
    minutes, rest_ms = divmod(ms, MINUTE_MS)
    hours, minutes = divmod(minutes, 60)
    large = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{large}{rest_ms / 1000:g}s"


class Rates:
    """The counts, in Redis."""

    def __init__(self, redis: Redis, allowed: Allowance, longest_s: float) -> None:
        """*longest_s* is the time after which no request is under way any more."""
        self._batch, self._allowed = Batch(redis), allowed
        self._keep_ms = math.ceil(longest_s * 1000)

    async def admit(self, key: str, request: str) -> Admission:
        """Count *request*, unless it is one too many. Raise `Unavailable`."""
        limits = self._allowed.per_minute, self._allowed.at_once, self._keep_ms
        try:
            async with translated(), asyncio.timeout(WAIT_S):
                admitted, busy, full_ms, wait_ms = await self._batch.send(
                    "EVAL", _ADMIT, 2, names.rate(key), names.under_way(key), *limits, request
                )
        except TimeoutError as error:
            raise Unavailable("Redis does not answer: try again shortly") from error
        return Admission(self._allowed, bool(admitted), bool(busy), full_ms, wait_ms)

    def end(self, key: str, request: str) -> None:
        """*request* is over. Nobody waits for it; if Redis is away, it is forgotten in time."""
        if self._allowed.at_once:
            said = self._batch.send("ZREM", names.under_way(key), request)
            said.add_done_callback(lambda done: done.cancelled() or done.exception())


class LimitRates:
    """ASGI middleware: 429 for who asks a model too often, and how much he may still ask."""

    def __init__(self, app: ASGIApp, rates: Rates) -> None:
        self._app, self._rates = app, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "POST" or not ASKING.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        key, request = scope["lookout.key"], uuid.uuid4().hex
        try:
            admission = await self._rates.admit(key, request)
        except LookoutError as error:
            await response(error)(scope, receive, send)
            return
        headers = admission.headers()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        if refusal := admission.refusal(key):
            await response(refusal)(scope, receive, counted)
            return
        try:
            await self._app(scope, receive, counted)
        finally:
            self._rates.end(key, request)

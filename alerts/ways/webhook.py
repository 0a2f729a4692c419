"""`http(s)://`: each event is a POST, signed if there is a secret."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import time
from typing import cast

import httpx
from redis.asyncio import Redis

from alerts.way import Delivery, Refused, Target, Terms, Undelivered, document, is_hopeless
from bus import names

TIMEOUT_S = 10.0
JSON = "application/json"
ASKS_TO_WAIT = (429, 503)


@asynccontextmanager
async def open_webhook(target: Target, redis: Redis, terms: Terms) -> AsyncGenerator["Webhook"]:
    async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client:
        yield Webhook(client, target, redis, terms.base_url)


class Webhook:
    def __init__(
        self, client: httpx.AsyncClient, target: Target, redis: Redis, base_url: str
    ) -> None:
        self._client, self._target, self._redis = client, target, redis
        self._base_url = base_url

    async def deliver(self, delivery: Delivery) -> None:
        request = await self._request(delivery)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                response = await self._client.send(request, stream=True)
                await response.aclose()  # what it says does not matter
        except (TimeoutError, httpx.TimeoutException) as error:
            raise Undelivered(f"no answer within {TIMEOUT_S:g} s") from error
        except httpx.HTTPError as error:
            raise Undelivered(_reason(error)) from error
        _check(response)

    async def _request(self, delivery: Delivery) -> httpx.Request:
        snapshot = self._target.snapshot
        body = document(delivery, snapshot, self._base_url if snapshot == "link" else "")
        jpeg = await self._picture(delivery)
        if jpeg:
            event = ("event.json", body, JSON)
            picture = ("snapshot.jpg", jpeg, "image/jpeg")
            request = self._client.build_request(
                "POST", self._target.url, files={"event": event, "snapshot": picture}
            )
        else:
            request = self._client.build_request(
                "POST", self._target.url, content=body, headers={"Content-Type": JSON}
            )
        request.headers.update(self._headers(delivery, request.read()))
        return request

    async def _picture(self, delivery: Delivery) -> bytes | None:
        if self._target.snapshot != "attach" or not delivery.pictured:
            return None
        return cast(bytes | None, await self._redis.get(names.snapshot(delivery.event.id)))

    def _headers(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        headers = {
            "User-Agent": "Lookout",
            "X-Lookout-Event": delivery.event.type,
            "X-Lookout-Delivery": delivery.id,
        }
        if self._target.secret:
            headers["X-Lookout-Signature"] = sign(self._target.secret, body, int(time()))
        return headers


def sign(secret: str, body: bytes, at: int) -> str:
    """`t=<unix s>,v1=<HMAC-SHA256 of "t.body" in hexadecimal>`."""
    signed = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


def _check(response: httpx.Response) -> None:
    status = response.status_code
    if response.is_success:
        return
    if is_hopeless(status):
        raise Refused(f"answered {status}")
    if response.is_redirect:
        raise Undelivered(f"answered {status}: redirects are not followed")
    after_s = _retry_after_s(response) if status in ASKS_TO_WAIT else 0.0
    raise Undelivered(f"answered {status}", after_s)


def _retry_after_s(response: httpx.Response) -> float:
    """Seconds from now; the header may have a number of them, or a date."""
    text = response.headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (date.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _reason(error: httpx.HTTPError) -> str:
    """In our words: the library's may repeat the URL."""
    if "CERTIFICATE" in str(error):
        return "its certificate is not valid"
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    return "the connection broke"

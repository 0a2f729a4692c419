"""Alerts as Redis keeps them: found newest first, read, judged by their owner, removed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from redis.asyncio import Redis

from bus import names
from bus.alerts import Alert, decode_alert

BATCH = 200
MOST = 20_000  # alerts that one request looks through; the next one goes on

# From the one after *after*, or the newest one before *until*; false if *after* is not there.
_NEWEST = """
local after, till, count = unpack(ARGV)
local start = 0
if after ~= '' then
    local rank = redis.call('zrevrank', KEYS[1], after)
    if not rank then return false end
    start = rank + 1
end
if till ~= '' then start = math.max(start, redis.call('zcount', KEYS[1], till, '+inf')) end
return redis.call('zrevrange', KEYS[1], start, start + count - 1, 'withscores')
"""
# What `alerts` writes to it meanwhile stays.
_NOTE = """
local kept = redis.call('get', KEYS[1])
if not kept then return false end
kept = cjson.decode(kept)
for name, value in pairs(cjson.decode(ARGV[1])) do kept[name] = value end
kept = cjson.encode(kept)
redis.call('set', KEYS[1], kept, 'keepttl')
return kept
"""


@dataclass(frozen=True)
class Page:
    alerts: list[Alert]
    has_more: bool
    last_id: str | None  # where to go on


class History:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def page(
        self,
        wanted: Callable[[Alert], bool],
        since: float,
        until: float | None,
        after: str | None,
        limit: int,
    ) -> Page | None:
        """
        At most *limit* alerts that fired from *since* to before *until*, unix s, newest first.

        None if there is no alert *after*. Of a history too long to look through at once the
        page may have fewer, and still be followed by more.
        """
        found: list[Alert] = []
        place, looked = after or "", 0
        while looked < MOST:
            answer = await self._newest(place, until)
            if answer is None:
                return None if place == (after or "") else Page(found, False, _last(found))
            batch = [alert_id for alert_id, fired_at in answer if fired_at >= since]
            for alert in await self._read(batch):
                if wanted(alert) and len(found) == limit:
                    return Page(found, True, _last(found))
                if wanted(alert):
                    found.append(alert)
            if len(batch) < BATCH:
                return Page(found, False, _last(found))
            place, looked = batch[-1], looked + len(batch)
        return Page(found, True, place)

    async def _newest(self, after: str, until: float | None) -> list[tuple[str, float]] | None:
        till = "" if until is None else repr(until)
        answer: Any = await self._redis.eval(_NEWEST, 1, names.ALERT_INDEX, after, till, BATCH)
        if answer is None:
            return None
        pairs = zip(answer[::2], answer[1::2], strict=True)
        return [(alert_id.decode(), float(score)) for alert_id, score in pairs]

    async def _read(self, ids: list[str]) -> list[Alert]:
        """Without those that have expired."""
        found = await self._redis.mget([names.alert(one) for one in ids]) if ids else []
        return [alert for alert in map(_decoded, found) if alert]

    async def get(self, alert_id: str) -> Alert | None:
        return _decoded(await self._redis.get(names.alert(alert_id)))

    async def snapshot(self, alert_id: str) -> bytes | None:
        data: Any = await self._redis.get(names.snapshot(alert_id))
        return data or None

    async def note(self, alert_id: str, fields: dict[str, object]) -> Alert | None:
        """The alert with *fields* of it changed; None if there is none."""
        text = msgspec.json.encode(fields)
        return _decoded(await self._redis.eval(_NOTE, 1, names.alert(alert_id), text))

    async def remove(self, alert_id: str) -> bool:
        """Forget the alert and its picture; False if there was none. The log keeps its events."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zrem(names.ALERT_INDEX, alert_id)
            pipe.unlink(names.alert(alert_id))
            pipe.unlink(names.snapshot(alert_id))
            return any((await pipe.execute())[:2])


def _last(alerts: list[Alert]) -> str | None:
    return alerts[-1].id if alerts else None


def _decoded(data: Any) -> Alert | None:
    """None for what is no alert of ours."""
    try:
        return decode_alert(data) if data else None
    except msgspec.DecodeError:
        return None

"""
What `alerts` writes to Redis: how rules stand, and the events of their alerts.

A judgement's outcome is one script: the standing, the alert, its snapshot, the log and the
channel change together or not at all, and only for the process that leads. A script that
runs twice, because its answer was lost, finds its own standing there and changes nothing.
"""

from collections.abc import Sequence
from time import time
from typing import Any

import msgspec
from redis.asyncio import Redis

from bus import names
from bus.alerts import (
    PUBLISH,
    AlertEvent,
    Standing,
    decode_standing,
    encode,
    standing_field,
)
from bus.rules import EVERY, Rule, decode_rule

DAY_S = 86_400

COMMIT = f"""{PUBLISH}
local leader, standings, changes, channel, log, index, alert, snapshot, evidence = unpack(KEYS)
local process, field, before, after, event, targets, id, at, keep_s, snapshot_s = unpack(ARGV)
if redis.call('get', leader) ~= process then return 'not the leader' end
local found = redis.call('hget', standings, field) or ''
if found == after then return 'ok' end
if found ~= before then return found end
if after == '' then
    redis.call('hdel', standings, field)
else
    redis.call('hset', standings, field, after)
end
redis.call('publish', changes, field)
if event == '' then return 'ok' end
local told = cjson.decode(event)
local kept = redis.call('get', alert)
kept = kept and cjson.decode(kept) or {{id = id}}
kept[told.type] = told
kept.state = told.type == 'fired' and 'firing' or 'resolved'
if told.type == 'fired' then
    if redis.call('copy', evidence, snapshot) == 1 then
        redis.call('expire', snapshot, snapshot_s)
    end
    redis.call('zadd', index, at, id)
    redis.call('zremrangebyscore', index, '-inf', at - keep_s)
end
if kept.fired then
    redis.call('set', alert, cjson.encode(kept), 'ex', keep_s)
end
publish(channel, log, event, targets)
return 'ok'
"""
DESCRIBE = f"""{PUBLISH}
local leader, channel, log, alert = unpack(KEYS)
local process, event, targets = unpack(ARGV)
if redis.call('get', leader) ~= process then return 0 end
local kept = redis.call('get', alert)
if not kept then return 0 end
kept = cjson.decode(kept)
kept.description = cjson.decode(event).description
redis.call('set', alert, cjson.encode(kept), 'keepttl')
publish(channel, log, event, targets)
return 1
"""


class NotLeading(Exception):
    """Another process judges now: whatever we know is old."""


class Store:
    def __init__(self, redis: Redis, process: str, keep_days: float, snapshot_days: float) -> None:
        self._redis, self._process = redis, process
        self._keep_s, self._snapshot_s = round(keep_days * DAY_S), round(snapshot_days * DAY_S)

    async def rules(self) -> dict[str, Rule]:
        found: dict[Any, Any] = await self._redis.hgetall(names.RULES)
        rules = dict[str, Rule]()
        for data in found.values():
            try:
                rule = decode_rule(data)
            except msgspec.DecodeError:  # of another version
                continue
            rules[rule.id] = rule
        return rules

    async def standings(self) -> dict[tuple[str, str], Standing]:
        """By rule and camera."""
        found: dict[Any, Any] = await self._redis.hgetall(names.STANDINGS)
        standings = map(decode_standing, found.values())
        return {(one.rule, one.camera): one for one in standings}

    async def commit(
        self,
        before: Standing | None,
        after: Standing | None,
        event: AlertEvent | None = None,
        targets: Sequence[str] = (),
        evidence: str = "",
    ) -> None:
        """
        Write *after* in the place of *before*, and tell *event*.

        *evidence* is the job that has its picture.

        Raise `NotLeading` when somebody else has written there.
        """
        one = after or before
        if one is None:
            return
        alert = event.id if event else ""
        keys = (
            *(names.ALERTS_LEADER, names.STANDINGS, names.STANDING_CHANGES),
            *(names.ALERTS, names.ALERTS_LOG, names.ALERT_INDEX),
            *(names.alert(alert), names.snapshot(alert), names.evidence(evidence)),
        )
        arguments = (
            *(self._process, standing_field(one.rule, one.camera)),
            *(encode(before) if before else b"", encode(after) if after else b""),
            *(encode(event) if event else b"", " ".join(targets)),
            *(alert, time(), self._keep_s, self._snapshot_s),
        )
        answer: Any = await self._redis.eval(COMMIT, len(keys), *keys, *arguments)
        if answer != b"ok":
            raise NotLeading

    async def describe(self, event: AlertEvent, targets: Sequence[str]) -> None:
        """Add what is to be seen to an alert."""
        keys = names.ALERTS_LEADER, names.ALERTS, names.ALERTS_LOG, names.alert(event.id)
        await self._redis.eval(
            DESCRIBE, len(keys), *keys, self._process, encode(event), " ".join(targets)
        )

    async def enter(self, rules: Sequence[Rule]) -> None:
        """Rules of the settings: they are as the settings say, and go when they are not there."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.smembers(names.SETTING_RULES)
            known = {name.decode() for name in (await pipe.execute())[0]}
        ids = {rule.id for rule in rules}
        async with self._redis.pipeline(transaction=True) as pipe:
            for rule in rules:
                pipe.hset(names.RULES, rule.id, msgspec.json.encode(rule))
                pipe.sadd(names.SETTING_RULES, rule.id)
            for gone in known - ids:
                pipe.hdel(names.RULES, gone)
                pipe.srem(names.SETTING_RULES, gone)
            pipe.publish(names.RULE_CHANGES, EVERY)
            await pipe.execute()

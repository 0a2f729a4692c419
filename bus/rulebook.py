"""
The rules in Redis: what shall be judged, and how each rule stands.

`alerts` judges them and writes the standings; everybody else reads and changes rules here.
Changes are announced on a channel, and two at the same time never lose one another.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec
from redis.asyncio import Redis

from bus import names
from bus.alerts import Standing, decode_standing
from bus.errors import Overloaded
from bus.rule_parsing import change_rule
from bus.rules import Rule, decode_rule, encode_rule

# What is expected there: nothing, the rule as it was read, or `*` for whatever it is.
_WRITE = """
local rules, changes, settings, legacy = unpack(KEYS)
local id, rule, before, most = unpack(ARGV)
local found = redis.call('hget', rules, id)
if before ~= '*' and (found or '') ~= before then return 'another' end
if not found and redis.call('hlen', rules) >= tonumber(most) then return 'full' end
redis.call('hset', rules, id, rule)
if before == '*' or before == '' then
    redis.call('srem', settings, id)
    redis.call('srem', legacy, id)
end
redis.call('publish', changes, id)
return found and 'replaced' or 'added'
"""
_REPLACE = """
local rules, changes, legacy = unpack(KEYS)
local before, news = {}, {}
for _, id in ipairs(redis.call('smembers', legacy)) do before[id] = true end
local count = redis.call('hlen', rules)
for id in pairs(before) do count = count - redis.call('hexists', rules, id) end
for place = 2, #ARGV, 2 do
    local id = ARGV[place]
    if not before[id] and redis.call('hexists', rules, id) == 1 then return id end
    news[id] = ARGV[place + 1]
    count = count + 1
end
if count > tonumber(ARGV[1]) then return 'full' end
for id in pairs(before) do
    if not news[id] then
        redis.call('hdel', rules, id)
        redis.call('publish', changes, id)
    end
end
redis.call('del', legacy)
for id, rule in pairs(news) do
    redis.call('hset', rules, id, rule)
    redis.call('sadd', legacy, id)
    redis.call('publish', changes, id)
end
return ''
"""


class Rulebook:
    """At most *most* rules."""

    def __init__(self, redis: Redis, most: int) -> None:
        self._redis, self._most = redis, most

    async def all(self) -> list[Rule]:
        """By id; those of another version are left out."""
        found: dict[Any, Any] = await self._redis.hgetall(names.RULES)
        rules = [rule for rule in map(_read, found.values()) if rule]
        return sorted(rules, key=lambda rule: rule.id)

    async def get(self, rule_id: str) -> Rule | None:
        data: Any = await self._redis.hget(names.RULES, rule_id)
        return _read(data)

    async def standings(self, rule_id: str | None = None) -> dict[str, list[Standing]]:
        """How each rule, or the one, stands on its cameras."""
        found: dict[Any, Any] = await self._redis.hgetall(names.STANDINGS)
        standings = defaultdict[str, list[Standing]](list)
        for _, data in sorted(found.items()):
            with suppress(msgspec.DecodeError):
                standing = decode_standing(data)
                if rule_id in (None, standing.rule):
                    standings[standing.rule].append(standing)
        return standings

    async def add(self, rule: Rule) -> bool:
        """False when its id is taken; raise `Overloaded` when there are too many."""
        return await self._write(rule, b"") != "another"

    async def put(self, rule: Rule) -> bool:
        """Write *rule*, whatever was there; True if nothing was. Raise `Overloaded`."""
        return await self._write(rule, b"*") == "added"

    async def change(self, rule_id: str, patch: dict[str, Any]) -> Rule | None:
        """The rule with the fields of *patch*; None if there is no such rule. Raise `BadJob`."""
        while True:
            data: Any = await self._redis.hget(names.RULES, rule_id)
            if (before := _read(data)) is None:
                return None
            after = change_rule(before, patch)
            if await self._write(after, data) != "another":
                return after

    async def _write(self, rule: Rule, before: bytes) -> str:
        keys = names.RULES, names.RULE_CHANGES, names.SETTING_RULES, names.LEGACY_RULES
        done: Any = await self._redis.eval(
            _WRITE, len(keys), *keys, rule.id, encode_rule(rule), before, self._most
        )
        if done == b"full":
            raise self._full()
        return str(done, "ascii")

    async def remove(self, rule_id: str) -> bool:
        """False if there was none. `alerts` ends its alerts and forgets how it stood."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hdel(names.RULES, rule_id)
            pipe.srem(names.SETTING_RULES, rule_id)
            pipe.srem(names.LEGACY_RULES, rule_id)
            pipe.publish(names.RULE_CHANGES, rule_id)
            return bool((await pipe.execute())[0])

    async def replace_legacy(self, rules: Sequence[Rule]) -> str | None:
        """
        Have *rules* in the place of those that came this way before, all in one step.

        The id of one that is somebody else's rule, and nothing done; None if there is none.
        """
        keys = names.RULES, names.RULE_CHANGES, names.LEGACY_RULES
        pairs = [word for rule in rules for word in (rule.id, encode_rule(rule))]
        taken: Any = await self._redis.eval(_REPLACE, len(keys), *keys, self._most, *pairs)
        if taken == b"full":
            raise self._full()
        return str(taken, "ascii") or None

    def _full(self) -> Overloaded:
        return Overloaded(f"at most {self._most} rules are kept: see LOOKOUT_MAX_RULES")


def _read(data: bytes | None) -> Rule | None:
    """None for a rule of another version too."""
    try:
        return decode_rule(data) if data else None
    except msgspec.DecodeError:
        return None

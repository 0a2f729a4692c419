"""The rules, as they are now: read again whenever somebody changed one."""

import asyncio
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts.store import Store
from bus import names
from bus.redis import listen
from bus.rules import Rule, applies, is_active

AGAIN_S = 1.0  # schedules open and snoozes end without a message


class Book:
    """`run` must run beside."""

    def __init__(self, redis: Redis, store: Store) -> None:
        self._redis, self._store = redis, store
        self._rules: dict[str, Rule] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        async for _ in listen(self._redis, names.RULE_CHANGES):
            with suppress(RedisError):  # then it is read after the connection is back
                await self.read()
            self._changed.set()
            self._changed = asyncio.Event()

    async def read(self) -> None:
        """Before anything is concluded from a rule that is not there."""
        self._rules = await self._store.rules()

    async def changed(self) -> None:
        """Return when there is something new, or it is time to look at the schedules."""
        with suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_S):
                await self._changed.wait()

    def get(self, rule: str) -> Rule | None:
        return self._rules.get(rule)

    def watching(self, camera: str, at: float) -> list[Rule]:
        """The rules to judge on *camera* at *at*, unix seconds."""
        return [
            rule for rule in self._rules.values() if applies(rule, camera) and is_active(rule, at)
        ]

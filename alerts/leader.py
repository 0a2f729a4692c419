"""One alerts process judges and delivers; others wait until its lease ends."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bus import names

log = logging.getLogger(__name__)

LEASE_MS = 5_000
RENEW_S = 1.0

TAKE = """
local owner = redis.call('get', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return 1
"""
LEAVE = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end"


class Leadership:
    """Whether this process leads. What it writes is checked against the lease once more."""

    def __init__(self, redis: Redis, process: str) -> None:
        self._redis, self._process = redis, process

    async def gained(self) -> None:
        """Return once we lead."""
        while True:
            if await self._take():
                break
            await asyncio.sleep(RENEW_S)
        log.info("leading")

    async def lost(self) -> None:
        """Renew the lease; return when another process has it."""
        while True:
            await asyncio.sleep(RENEW_S)
            if not await self._take():
                log.warning("another process leads now")
                return

    async def _take(self) -> bool:
        """A Redis that is away has no other leader either: nothing can be written to it."""
        try:
            return bool(
                await self._redis.eval(TAKE, 1, names.ALERTS_LEADER, self._process, LEASE_MS)
            )
        except RedisError:
            return False

    async def leave(self) -> None:
        with suppress(RedisError, TimeoutError):
            async with asyncio.timeout(0.4):
                await self._redis.eval(LEAVE, 1, names.ALERTS_LEADER, self._process)


@asynccontextmanager
async def open_leadership(redis: Redis, process: str) -> AsyncGenerator[Leadership]:
    leadership = Leadership(redis, process)
    try:
        yield leadership
    finally:
        await leadership.leave()

"""The sign of life of a process: a hash that vanishes when it is not renewed."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis

from bus.redis import AWAY

EVERY_S = 1.0
TTL_S = 5.0
END_S = 0.5


async def beat(redis: Redis, key: str, fields: Callable[[], Mapping[str, str]]) -> None:
    """Write *fields* to *key* every second, while Redis is there; cancelled, delete it."""
    try:
        while True:
            with suppress(*AWAY):  # it will be back
                await _write(redis, key, fields())
            await asyncio.sleep(EVERY_S)
    finally:
        with suppress(TimeoutError, *AWAY):  # else it expires
            async with asyncio.timeout(END_S):
                await redis.unlink(key)


async def _write(redis: Redis, key: str, fields: Mapping[str, str]) -> None:
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hset(key, mapping=dict[Any, Any](fields))
        pipe.pexpire(key, round(TTL_S * 1000))
        await pipe.execute()

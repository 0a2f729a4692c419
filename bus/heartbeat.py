"""
The sign of life of a process: a hash that vanishes when it is not renewed, and, for who cannot
ask Redis at every turn, a file that grows old.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from bus import names
from bus.redis import AWAY
from bus.settings import BusSettings

EVERY_S = 1.0
TTL_S = 5.0
END_S = 0.5


async def beat(
    redis: Redis, settings: BusSettings, fields: Callable[[], Mapping[str, str]]
) -> None:
    """Write *fields* every second, while Redis is there; cancelled, delete them."""
    key = names.process(settings.process)
    try:
        while True:
            with suppress(*AWAY):  # it will be back
                await _write(redis, key, fields())
                _touch(settings.alive_file)
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


def _touch(file: str) -> None:
    if file:
        Path(file).touch()

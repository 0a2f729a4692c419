"""Which models are served: what a worker's heartbeat says, and everybody's reading of it."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

import msgspec
from redis.asyncio import Redis

from bus import names
from bus.redis import AWAY

ANNOUNCE_S = 2.0
NO_NAMES = (None, "", "default")  # who asks for one of these, means the default model


class WorkerInfo(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    model: str
    state: Literal["loading", "ready"] = "loading"
    slots: int = 0
    busy: int = 0
    done: int = 0  # jobs since it started
    failed: int = 0
    started: float = 0.0  # unix seconds
    abilities: str = ""  # of its engine, with spaces between
    note: str = ""  # what it does before it is ready
    restarts: int = 0  # engines that it has lost

    def fields(self) -> Mapping[str, str]:
        """As the hash that is the worker's heartbeat."""
        return {name: str(value) for name, value in msgspec.structs.asdict(self).items()}


async def announce(redis: Redis, worker: str) -> None:
    """Keep *worker* in the list of workers, for ever; its heartbeat says whether it lives."""
    while True:
        with suppress(*AWAY):
            await redis.sadd(names.WORKER_LIST, worker)
        await asyncio.sleep(ANNOUNCE_S)


async def live_workers(redis: Redis) -> list[WorkerInfo]:
    """Every worker with a heartbeat, by id; those without are struck off the list."""
    members: set[Any] = await redis.smembers(names.WORKER_LIST)
    ids: list[bytes] = sorted(members)
    async with redis.pipeline(transaction=False) as pipe:
        for worker in ids:
            pipe.hgetall(names.process(worker.decode()))
        found = dict(zip(ids, await pipe.execute(), strict=True))
    if dead := [worker for worker, fields in found.items() if not fields]:
        await redis.srem(names.WORKER_LIST, *dead)
    return [_info(fields) for fields in found.values() if fields]


def _info(fields: Mapping[bytes, bytes]) -> WorkerInfo:
    values = {key.decode(): value.decode() for key, value in fields.items()}
    return msgspec.convert(values, WorkerInfo, strict=False)

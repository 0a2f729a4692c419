"""How rules stand, for whoever shows a camera's picture. `run` must run beside."""

from collections.abc import Iterable
from contextlib import suppress
from time import time
from typing import Any

import msgspec
from redis.asyncio import Redis

from bus import names
from bus.alerts import Standing, decode_standing
from bus.overlay import Note
from bus.redis import AWAY, listen


class Standings:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._by_field: dict[str, Standing] = {}
        self.alerted, self.alerted_at = "", 0.0  # the camera of the last alert, and when (unix s)

    def notes(self, camera: str) -> tuple[Note, ...]:
        """What to write beside the picture of *camera*."""
        return tuple(_note(one) for one in self._by_field.values() if one.camera == camera)

    async def run(self) -> None:
        async for message in listen(self._redis, names.STANDING_CHANGES):
            with suppress(*AWAY):  # then it will be said again that something was missed
                if message is None:
                    self._by_field = {}
                    found: dict[Any, Any] = await self._redis.hgetall(names.STANDINGS)
                    self._read((key.decode(), data) for key, data in found.items())
                else:
                    field = message[1].decode()
                    data: Any = await self._redis.hget(names.STANDINGS, field)
                    self._read([(field, data)])

    def _read(self, found: Iterable[tuple[str, bytes | None]]) -> None:
        for field, data in found:
            before = self._by_field.pop(field, None)
            with suppress(msgspec.DecodeError):
                if data is not None:
                    self._note_change(before, decode_standing(data))
                    self._by_field[field] = decode_standing(data)

    def _note_change(self, before: Standing | None, after: Standing) -> None:
        if after.phase == "firing" and (before is None or before.alert != after.alert):
            self.alerted, self.alerted_at = after.camera, time()


def _note(one: Standing) -> Note:
    name = one.name or one.question
    if one.error:
        return Note(f"{name}: {one.error}", "trouble")
    score = "" if one.score is None else f" {one.score:.0%}"
    return Note(f"{name}{score}", one.phase)

"""Removes what capture processes that died have left in the run directory: it is memory."""

import asyncio
import logging
import socket
from contextlib import suppress
from pathlib import Path

from redis.asyncio import Redis

from bus import names
from bus.frames import socket_dir
from bus.redis import AWAY

log = logging.getLogger(__name__)

EVERY_S = 30.0


class Leftovers:
    """`run` beside everything else."""

    def __init__(self, redis: Redis, run_dir: str) -> None:
        self._redis, self._run_dir = redis, run_dir
        self._doubtful = set[Path]()

    async def run(self) -> None:
        while True:
            with suppress(*AWAY):
                await self.sweep()
            await asyncio.sleep(EVERY_S)

    async def sweep(self) -> None:
        """Remove the rings that nobody claims, now and the last time: Redis may be behind."""
        unclaimed = {path for path in self._rings() if not await self._is_claimed(path)}
        for path in [*(unclaimed & self._doubtful), *self._dead_sockets()]:
            path.unlink(missing_ok=True)
            log.info("leftover removed file=%s", path.name)
        self._doubtful = unclaimed

    def _rings(self) -> list[Path]:
        return [path for path in Path(self._run_dir).glob("*.ring") if path.name.count(".") == 2]

    def _dead_sockets(self) -> list[Path]:
        return [path for path in socket_dir(self._run_dir).glob("frames-*.sock") if _is_dead(path)]

    async def _is_claimed(self, ring: Path) -> bool:
        camera, instance, _ = ring.name.split(".")
        return await self._redis.hget(names.camera(camera), "instance") == instance.encode()


def _is_dead(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False

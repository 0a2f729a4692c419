"""
Takes events to targets, at least once; each target by itself, so a dead one delays no other.

Several processes may do so at the same time: then targets get some events twice, with the
same id.
"""

import asyncio
import logging
import traceback
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from alerts.courier import Courier, Names
from alerts.inbox import Inbox, patiently
from alerts.settings import AlertsSettings
from alerts.waiting import Patience
from alerts.way import Kind, Target, Terms, Way
from alerts.ways.mqtt import open_mqtt
from alerts.ways.notify import open_notify
from alerts.ways.webhook import open_webhook
from bus import names
from bus.redis import open_redis
from bus.tasks import together

log = logging.getLogger(__name__)

OpenWay = Callable[[Target, Redis, Terms], AbstractAsyncContextManager[Way]]

WAYS: dict[Kind, OpenWay] = {
    "webhook": open_webhook,
    "mqtt": open_mqtt,
    "notify": open_notify,
}
AGAIN_S = 5.0  # after something that nobody thought of
HOUR_S = 3600.0


class Deliveries:
    """To all targets of the settings, as long as `run` runs."""

    def __init__(
        self, redis: Redis, settings: AlertsSettings, patience: Patience | None = None
    ) -> None:
        self._redis, self._settings = redis, settings
        self._targets = settings.target_list()
        self._patience = patience or Patience(keep_s=settings.delivery_keep_h * HOUR_S)
        self._names = Names({target.name for target in self._targets})

    async def run(self) -> None:
        """Until cancelled."""
        await patiently(self._forget_others)
        await together([*map(self._serve, self._targets), _for_ever()])

    async def _forget_others(self) -> None:
        """A target that is not set any more leaves nothing; set again, it is a new one."""
        mine = {target.name for target in self._targets}
        listed: Any = await self._redis.smembers(names.TARGETS)
        known = {name.decode() for name in listed}
        async with self._redis.pipeline(transaction=True) as pipe:
            for name in known - mine:
                pipe.xgroup_destroy(names.ALERTS_LOG, names.deliveries(name))
                pipe.unlink(names.target(name))
                pipe.srem(names.TARGETS, name)
            for name in mine:
                pipe.sadd(names.TARGETS, name)
            await pipe.execute(raise_on_error=False)  # there may be no log yet

    async def _serve(self, target: Target) -> None:
        while True:
            try:
                async with self._courier(target) as courier:
                    await courier.run()
            except Exception as error:  # one target must not end the others
                _log_crash(target, error)
            await asyncio.sleep(AGAIN_S)

    @asynccontextmanager
    async def _courier(self, target: Target) -> AsyncGenerator[Courier]:
        # Its own connections: it waits for Redis all the time.
        async with open_redis(self._settings.redis_url) as redis:
            inbox = Inbox(redis, target.name)
            await inbox.open()
            about = {"kind": target.kind, "place": target.place}
            await inbox.settle([], about=about)
            async with WAYS[target.kind](target, redis, self._settings.terms()) as way:
                yield Courier(target, inbox, way, self._patience, self._names)


async def _for_ever() -> None:
    await asyncio.Event().wait()


def _log_crash(target: Target, error: Exception) -> None:
    """Where it was, not what it says: that may be the URL of the target."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    reason = type(error).__name__
    log.error("delivery crashed target=%s reason=%s\n%s", target.name, reason, frames)

"""Raises events as `capture` and `alerts` do, and has them delivered."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from alerts.delivery import Deliveries
from alerts.settings import AlertsSettings
from alerts.waiting import Patience
from bus import names
from bus.alerts import PUBLISH, AlertEvent, CameraEvent, Event, RuleRef, encode
from bus.redis import open_redis
from bus.tasks import background

RAISE = f"{PUBLISH} publish(KEYS[1], KEYS[2], ARGV[1], ARGV[2])"
QUICK = Patience(first_s=0.05, longest_s=0.3, keep_s=3600, fresh_s=0.1)
AT = "2026-11-23T17:20:46.123Z"


def fired(alert: str = "a1", **changed: Any) -> AlertEvent:
    fields: dict[str, Any] = {
        "type": "fired",
        "id": alert,
        "at": AT,
        "rule": RuleRef("r1", "Parcel", "Is there a parcel at the door?"),
        "camera": "gate",
        "camera_name": "The gate",
        "score": 0.934,
        "on": 0.6,
        "off": 0.4,
        "by": "logits",
        "captured_at": AT,
        "frame": None,
        "model": "m",
        "timings_ms": None,
        "started": AT,
        "duration_s": 0.0,
        "snapshot": f"/v1/alerts/{alert}/snapshot.jpg",
    }
    return AlertEvent(**{**fields, **changed})


def lost(alert: str = "c1") -> CameraEvent:
    return CameraEvent(
        type="camera_down",
        id=alert,
        at=AT,
        camera="gate",
        name="The gate",
        error="gives no frame",
        captured_at=None,
    )


class Desk:
    """Where a test raises events, and looks what has become of them."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    async def tell(self, event: Event, targets: str = "*") -> None:
        keys = names.ALERTS, names.ALERTS_LOG
        await self.redis.eval(RAISE, len(keys), *keys, encode(event).decode(), targets)

    async def counters(self, target: str) -> dict[str, str]:
        found: Any = await self.redis.hgetall(names.target(target))
        return {name.decode(): value.decode() for name, value in found.items()}

    async def until(self, target: str, **counters: str) -> dict[str, str]:
        """Its counters once they are so."""
        while not (now := await self.counters(target)).items() >= counters.items():
            await asyncio.sleep(0.02)
        return now

    async def pending(self, target: str) -> int:
        found: Any = await self.redis.xpending(names.ALERTS_LOG, names.deliveries(target))
        return int(found["pending"])


async def true(is_so: Callable[[], object]) -> None:
    while not is_so():
        await asyncio.sleep(0.02)


def settings(redis_url: str, **fields: Any) -> AlertsSettings:
    return AlertsSettings(redis_url=redis_url, **fields)


@asynccontextmanager
async def delivering(given: AlertsSettings, patience: Patience = QUICK) -> AsyncGenerator[Desk]:
    """As the leading process does; every target is ready for its first event."""
    async with open_redis(given.redis_url) as redis:
        desk = Desk(redis)
        async with background(Deliveries(redis, given, patience).run()):
            for target in given.target_list():
                await desk.until(target.name, kind=target.kind)
            yield desk

"""Keeps at a broker how each rule stands on each camera, as `alerts` has it in Redis."""

import asyncio
from typing import Any, cast

from redis.asyncio import Redis

from alerts.mqtt import topics
from alerts.mqtt.address import Address
from alerts.mqtt.broker import Broker
from alerts.way import Undelivered
from bus import names
from bus.alerts import Standing, decode_standing, standing_field
from bus.messages import decode_camera_spec
from bus.redis import AWAY, listen
from bus.tasks import background, together

AGAIN_S = 1.0


class States:
    """Only what differs from what was said is said; all of it again after each connection."""

    def __init__(self, redis: Redis, broker: Broker, address: Address, snapshots: bool) -> None:
        self._redis, self._broker, self._address = redis, broker, address
        self._snapshots = snapshots
        self._said: topics.Payloads = {}
        self._shown: dict[str, str] = {}  # field -> the alert whose snapshot is there
        self._changed = set[str]()  # fields of STANDINGS
        self._all = True
        self._more = asyncio.Event()
        broker.on_connect, broker.on_kept = self._connected, self._found

    async def run(self) -> None:
        """Until cancelled."""
        async with background(self._listen()):
            while True:
                await self._more.wait()
                self._more.clear()
                try:
                    await self._publish()
                except (Undelivered, *AWAY):
                    await asyncio.sleep(AGAIN_S)
                    self._more.set()

    def _connected(self) -> None:
        self._broker.follow(topics.everywhere(self._address))
        self._said.clear()
        self._shown.clear()
        self._all = True
        self._more.set()

    def _found(self, topic: str) -> None:
        """Kept at the broker from earlier; its rule may be gone."""
        self._changed.add(standing_field(*topics.place_of(self._address, topic)))
        self._more.set()

    async def _listen(self) -> None:
        async for message in listen(self._redis, names.STANDING_CHANGES):
            if message:
                self._changed.add(message[1].decode())
            self._all = self._all or message is None
            self._more.set()

    async def _publish(self) -> None:
        if self._all:
            fields: Any = await self._redis.hkeys(names.STANDINGS)
            self._changed |= {field.decode() for field in fields}
            self._all = False
        while self._changed:
            field = self._changed.pop()
            try:
                await self._publish_field(field)
            except (Undelivered, *AWAY):
                self._changed.add(field)
                raise

    async def _publish_field(self, field: str) -> None:
        rule, _, camera = field.partition("/")
        async with self._redis.pipeline() as pipe:
            pipe.hget(names.STANDINGS, field)
            pipe.hget(names.CAMERAS, camera)
            data, spec = await pipe.execute()
        if not data:
            self._shown.pop(field, None)
            await self._say(topics.nothing(self._address, rule, camera))
            return
        standing = decode_standing(data)
        name = decode_camera_spec(spec).name if spec else ""
        await self._say(topics.discovery(self._address, standing, name))
        await self._say(topics.states(self._address, standing))
        await self._show(field, standing)

    async def _say(self, payloads: topics.Payloads) -> None:
        new = {at: what for at, what in payloads.items() if self._said.get(at) != what}
        await together(self._broker.publish(at, what, retain=True) for at, what in new.items())
        self._said |= new

    async def _show(self, field: str, standing: Standing) -> None:
        """The snapshot of the alert that is firing; it stays until the next one."""
        if not self._snapshots or not standing.alert or self._shown.get(field) == standing.alert:
            return
        jpeg = cast(bytes | None, await self._redis.get(names.snapshot(standing.alert)))
        if jpeg:
            topic = topics.snapshot_topic(self._address, standing.rule, standing.camera)
            await self._broker.publish(topic, jpeg, retain=True)
            self._shown[field] = standing.alert

"""`mqtt(s)://`: events as messages, and the state of each rule kept there for Home Assistant."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from alerts.mqtt.address import Address, parse_address
from alerts.mqtt.broker import Broker, open_broker
from alerts.mqtt.states import States
from alerts.way import Delivery, Target, Terms, document
from bus.tasks import background


@asynccontextmanager
async def open_mqtt(target: Target, redis: Redis, terms: Terms) -> AsyncGenerator["Mqtt"]:
    address = parse_address(target.url)
    name = f"lookout-{address.prefix}-{target.name}"
    async with open_broker(address, name, terms.mqtt_ca) as broker:
        states = States(redis, broker, address, snapshots=target.snapshot != "none")
        async with background(states.run()):
            yield Mqtt(broker, address, target, terms.base_url)


class Mqtt:
    def __init__(self, broker: Broker, address: Address, target: Target, base_url: str) -> None:
        self._broker, self._address = broker, address
        self._target, self._base_url = target, base_url

    async def deliver(self, delivery: Delivery) -> None:
        body = document(delivery, self._target.snapshot, self._base_url)
        await self._broker.publish(self._address.events, body)

"""A connection to an MQTT broker that is kept up, by the library's own thread."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from alerts.mqtt.address import Address
from alerts.threads import in_thread
from alerts.way import Undelivered
from bus.errors import BadSettings

CONNECT_S = 5.0
ANSWER_S = 10.0
KEEPALIVE_S = 30
END_S = 1.0  # for saying goodbye
FIRST_WAIT_S, LONGEST_WAIT_S = 1, 60
QOS = 1
NO_CONNECTION = "no connection"
ONLINE, OFFLINE = b"online", b"offline"

Heard = Callable[[str], None]


class Broker:
    """
    Tells it in the loop when it is connected, and what was kept there before.

    The library's callbacks come in its thread; nothing of ours is touched there.
    """

    def __init__(self, address: Address, client: Client) -> None:
        self._address, self._client = address, client
        self._loop = asyncio.get_running_loop()
        self._tried = asyncio.Event()  # whether there is a connection is known
        self._reason = NO_CONNECTION  # why there is none; empty: there is one
        self._acks: dict[int, asyncio.Future[None]] = {}
        self.on_connect: Callable[[], None] = lambda: None
        self.on_kept: Heard = lambda topic: None
        client.on_connect = self._note_connect
        client.on_connect_fail = lambda *_: self._in_loop(self._fail)
        client.on_disconnect = self._note_disconnect
        client.on_publish = self._note_publish
        client.on_message = self._note_message

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Return once the broker has it; raise `Undelivered`."""
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._tried.wait()
                await self._publish(topic, payload, retain)
        except TimeoutError as error:
            reason = self._reason or f"no answer within {ANSWER_S:g} s"
            raise Undelivered(reason) from error

    def follow(self, topic: str) -> None:
        """Hear what is kept under *topic* at each connection."""
        self._client.subscribe(topic, QOS)

    async def _publish(self, topic: str, payload: bytes, retain: bool) -> None:
        if self._reason:
            raise Undelivered(self._reason)
        sent = self._client.publish(topic, payload, QOS, retain)
        if sent.rc != MQTT_ERR_SUCCESS:
            raise Undelivered(NO_CONNECTION)
        ack = self._acks[sent.mid] = self._loop.create_future()
        try:
            await ack
        finally:
            self._acks.pop(sent.mid, None)

    def _note_connect(
        self, _: Client, __: Any, ___: ConnectFlags, code: ReasonCode, ____: Properties | None
    ) -> None:
        self._in_loop(self._connect, str(code) if code.is_failure else "")

    def _note_disconnect(
        self, _: Client, __: Any, ___: DisconnectFlags, ____: ReasonCode, _____: Properties | None
    ) -> None:
        self._in_loop(self._disconnect)

    def _note_publish(
        self, _: Client, __: Any, mid: int, ___: ReasonCode, ____: Properties
    ) -> None:
        self._in_loop(self._acknowledge, mid)

    def _note_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        if message.retain and message.payload:
            self._in_loop(self.on_kept, message.topic)

    def _in_loop(self, work: Callable[..., None], *values: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(work, *values)

    def _connect(self, refusal: str) -> None:
        self._reason = f"the broker refuses us: {refusal}" if refusal else ""
        self._tried.set()
        if not refusal:
            self._client.publish(self._address.status, ONLINE, QOS, retain=True)
            self.on_connect()

    def _fail(self) -> None:
        self._reason = NO_CONNECTION
        self._tried.set()

    def _disconnect(self) -> None:
        self._reason = self._reason or "the connection broke"
        for ack in self._acks.values():
            if not ack.done():
                ack.set_exception(Undelivered(self._reason))

    def _acknowledge(self, mid: int) -> None:
        ack = self._acks.get(mid)
        if ack and not ack.done():
            ack.set_result(None)

    async def close(self) -> None:
        """Say goodbye, for the last will is only sent for those who do not."""
        with suppress(TimeoutError, Undelivered):
            async with asyncio.timeout(END_S):
                await self._publish(self._address.status, OFFLINE, retain=True)
        self._client.disconnect()
        with suppress(TimeoutError):
            await in_thread(self._client.loop_stop, END_S)


@asynccontextmanager
async def open_broker(address: Address, name: str, ca: str) -> AsyncGenerator[Broker]:
    """*name* is the same each time: the broker then ends what was left of us."""
    client = Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.connect_timeout = CONNECT_S
    client.reconnect_delay_set(FIRST_WAIT_S, LONGEST_WAIT_S)
    client.will_set(address.status, OFFLINE, QOS, retain=True)
    if address.user:
        client.username_pw_set(address.user, address.password)
    if address.tls:
        _set_tls(client, ca)
    broker = Broker(address, client)
    client.connect_async(address.host, address.port, KEEPALIVE_S)
    client.loop_start()
    try:
        yield broker
    finally:
        await broker.close()


def _set_tls(client: Client, ca: str) -> None:
    try:
        client.tls_set(ca_certs=ca or None)
    except OSError as error:
        raise BadSettings("LOOKOUT_MQTT_CA: it has no certificate") from error

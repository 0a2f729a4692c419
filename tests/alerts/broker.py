"""A real MQTT broker, and somebody who follows everything that is said there."""

import getpass
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from compose.ports import free_port
from tests.waiting import until

needs_mosquitto = pytest.mark.skipif(
    not (shutil.which("mosquitto") and shutil.which("mosquitto_passwd")),
    reason="mosquitto is not installed: apt-get install mosquitto",
)
USER, PASSWORD = "me", "s3cret"


@dataclass
class Mosquitto:
    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def url(self, path: str = "", login: str = f"{USER}:{PASSWORD}") -> str:
        return f"mqtt://{login}@127.0.0.1:{self.port}/{path}"

    def start(self) -> None:
        """It keeps what was retained from before."""
        command = ["mosquitto", "-c", str(self.folder / "mosquitto.conf")]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with following(self):  # it is up
            pass

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


@contextmanager
def broker(folder: Path) -> Iterator[Mosquitto]:
    mosquitto = Mosquitto(free_port(), folder)
    passwords = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), USER, PASSWORD], check=True)
    (folder / "mosquitto.conf").write_text(
        f"listener {mosquitto.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
        f"persistence true\npersistence_location {folder}/\nuser {getpass.getuser()}\n"
    )
    mosquitto.start()
    try:
        yield mosquitto
    finally:
        mosquitto.stop()


@dataclass
class Follower:
    """What is kept by topic, and all messages in order."""

    kept: dict[str, bytes] = field(default_factory=dict)
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    connected: threading.Event = field(default_factory=threading.Event)

    def said(self, topic: str) -> list[Any]:
        return [msgspec.json.decode(data) for name, data in self.messages if name == topic]

    def note(self, message: MQTTMessage) -> None:
        payload = bytes(message.payload)
        self.messages.append((message.topic, payload))
        if payload:
            self.kept[message.topic] = payload
        else:
            self.kept.pop(message.topic, None)


@contextmanager
def following(mosquitto: Mosquitto) -> Iterator[Follower]:
    follower = Follower()
    client = Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(USER, PASSWORD)
    client.reconnect_delay_set(1, 1)
    client.on_connect = lambda client, *_: client.subscribe("#", 1)
    client.on_subscribe = lambda *_: follower.connected.set()
    client.on_message = lambda _, __, message: follower.note(message)
    until(lambda: _is_up(client, mosquitto.port), 10)
    client.loop_start()
    try:
        assert follower.connected.wait(10)
        yield follower
    finally:
        client.disconnect()
        client.loop_stop()


def _is_up(client: Client, port: int) -> bool:
    try:
        client.connect("127.0.0.1", port, 30)
    except ConnectionRefusedError:
        return False
    return True

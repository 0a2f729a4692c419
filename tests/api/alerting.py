"""An api and a Valkey by themselves, and alerts written as the `alerts` process writes them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any

import httpx
from redis import Redis

from bus import names
from bus.alerts import (
    PUBLISH,
    Alert,
    AlertEvent,
    CameraEvent,
    EventTimings,
    FrameRef,
    RuleRef,
    Standing,
    encode,
    standing_field,
)
from bus.times import utc
from compose import valkey
from compose.ports import free_port
from tests.conftest import wait_for_redis
from tests.waiting import until

QUESTION = "Is there a person at the gate?"
CAPTURED = 1_795_454_446.0
SCRIPT = PUBLISH + "publish(KEYS[1], KEYS[2], ARGV[1], ARGV[2])"


@dataclass
class Served:
    """A running api. What it writes to standard error goes to *log*."""

    http: httpx.Client
    redis: Redis
    folder: Path
    api: "subprocess.Popen[bytes]"
    server: "subprocess.Popen[bytes]"
    env: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return str(self.http.base_url).rstrip("/")

    @property
    def ws(self) -> str:
        return f"{self.url.replace('http', 'ws', 1)}/v1/alerts/ws"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def tell(self, event: AlertEvent | CameraEvent) -> str:
        """Write an event to the log and the channel; its place in the log."""
        keys = names.ALERTS, names.ALERTS_LOG
        self.redis.eval(SCRIPT, 2, *keys, encode(event), "")
        ((place, _),) = self._log("+", 1)
        return place

    def _log(self, newest: str, count: int) -> list[tuple[str, Any]]:
        found: Any = self.redis.xrevrange(names.ALERTS_LOG, newest, count=count)
        return [(place.decode(), fields) for place, fields in found]

    def places(self) -> list[str]:
        """All of the log, oldest first."""
        return [place for place, _ in self._log("+", 100_000)][::-1]

    def keep(self, event: AlertEvent, fired_at: float, snapshot: bytes = b"") -> Alert:
        """Write an alert that has just fired."""
        alert = Alert(id=event.id, state="firing", fired=event)
        self.redis.set(names.alert(alert.id), encode(alert), ex=1000)
        self.redis.zadd(names.ALERT_INDEX, {alert.id: fired_at})
        if snapshot:
            self.redis.set(names.snapshot(alert.id), snapshot, ex=1000)
        return alert

    def stand(self, standing: Standing) -> None:
        place = standing_field(standing.rule, standing.camera)
        self.redis.hset(names.STANDINGS, place, encode(standing))

    def restart_redis(self) -> None:
        """As after a crash: what had been on disk is there again."""
        self.server.kill()
        self.server.wait()
        self.server = _valkey(self.folder)


@contextmanager
def serving(folder: Path, **env: str) -> Iterator[Served]:
    port, url = free_port(), f"unix://{folder}/s"
    settings = {"REDIS_URL": url, "LOOKOUT_PORT": str(port), "LOOKOUT_RUN_DIR": str(folder)}
    server = _valkey(folder)
    with (folder / "log").open("w") as log:
        api = subprocess.Popen(
            [sys.executable, "-m", "api"], env={**os.environ, **settings, **env}, stderr=log
        )
    served = None
    try:
        with (
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http,
            Redis.from_url(url) as redis,
        ):
            until(lambda: _is_live(http))
            served = Served(http, redis, folder, api, server, env)
            yield served
    finally:
        api.kill()
        api.wait()
        server = served.server if served else server
        server.kill()
        server.wait()


def _valkey(folder: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(valkey.command(folder / "s", folder, 0))
    wait_for_redis(f"unix://{folder}/s")
    return process


def _is_live(http: httpx.Client) -> bool:
    try:
        return http.get("/health/live").status_code == 200
    except httpx.TransportError:
        return False


def fired(alert: str = "a1", rule: str = "gate", camera: str = "front", **more: Any) -> AlertEvent:
    given = {"type": "fired", "score": 0.93, **more}
    return AlertEvent(
        id=alert,
        at=utc(CAPTURED + 0.12),
        rule=RuleRef(rule, "The gate", QUESTION),
        camera=camera,
        camera_name="Front door",
        on=0.6,
        off=0.4,
        by="logits",
        captured_at=utc(CAPTURED),
        frame=FrameRef(8123, 12.5),
        model="demo",
        timings_ms=EventTimings(2.0, 12.5, 100.0, 7.5, 120.0),
        started=utc(CAPTURED),
        duration_s=0.0,
        snapshot=f"/v1/alerts/{alert}/snapshot.jpg",
        **given,
    )


def camera_down(camera: str = "front") -> CameraEvent:
    return CameraEvent(
        type="camera_down",
        id="c1",
        at=utc(time()),
        camera=camera,
        name="Front door",
        error="connection refused",
        captured_at=None,
    )

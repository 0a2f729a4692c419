"""Rules judged by real processes: the echo engine takes brightness for a yes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import time
from typing import Any

import cv2
import httpx
import msgspec
import numpy as np
import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from websockets.sync.client import connect

from bus import names
from bus.alerts import AlertEvent, Standing, decode_alert, decode_event, decode_standing
from bus.jpeg import decode_jpeg
from bus.rules import Rule, encode_rule
from tests.alerts.receiving import receiving
from tests.stack import Stack, running
from tests.waiting import until


class Lamp:
    """A camera whose owner turns it brighter and darker, and the alerts about it."""

    def __init__(self, stack: Stack, file: Path, redis: Any) -> None:
        self.stack, self.redis = stack, redis
        self._file = file

    def shine(self, brightness: int) -> float:
        """Show a picture so bright, 0 to 255; when that was, unix s."""
        shine(self._file, brightness)
        return time()

    def rule(self, **fields: object) -> Rule:
        values = {"id": "light", "question": "Is the light on?", "every_s": 0.2, **fields}
        rule = msgspec.convert({"cooldown_s": 0.0, **values}, Rule)
        self.redis.hset(names.RULES, rule.id, encode_rule(rule))
        self.redis.publish(names.RULE_CHANGES, rule.id)
        return rule

    def remove(self, rule: str) -> None:
        self.redis.hdel(names.RULES, rule)
        self.redis.publish(names.RULE_CHANGES, rule)

    def events(self) -> list[AlertEvent]:
        """All that the log has of rules."""
        entries = self.redis.xrange(names.ALERTS_LOG)
        found = [decode_event(fields[b"event"]) for _, fields in entries]
        return [event for event in found if isinstance(event, AlertEvent)]

    def until_told(self, *types: str) -> list[AlertEvent]:
        """Once the log has exactly these events, in this order."""
        until(lambda: len(self.events()) >= len(types), 20)
        assert [event.type for event in self.events()] == list(types)
        return self.events()

    def standing(self, rule: str = "light") -> Standing:
        data: bytes = until(lambda: self.redis.hget(names.STANDINGS, f"{rule}/lamp"), 20)
        return decode_standing(data)


def shine(file: Path, brightness: int) -> None:
    """Write a picture in one step, so that nobody reads half of it."""
    half = file.with_suffix(".half.png")
    cv2.imwrite(str(half), np.full((120, 160, 3), brightness, np.uint8))
    half.rename(file)


@contextmanager
def watched_lamp(folder: Path, *more: str, **env: str) -> Iterator[Lamp]:
    file = folder / "lamp.png"
    shine(file, 0)
    camera = ("--camera", f"lamp=file://{file}")
    with (
        running(folder, "--model", "echo:", *camera, *more, **env) as stack,
        Redis.from_url(stack.redis_url) as redis,
    ):
        yield Lamp(stack, file, redis)


@pytest.fixture
def lamp(tmp_path: Path) -> Iterator[Lamp]:
    with watched_lamp(tmp_path) as lamp:
        yield lamp


def test_an_alert_fires_once_and_is_over_once_with_its_picture(lamp: Lamp) -> None:
    listening = lamp.redis.pubsub()
    listening.subscribe(names.ALERTS)
    until(lambda: listening.get_message(timeout=1))
    lamp.rule(name="Light")
    until(lambda: lamp.standing().judged >= 1)
    assert lamp.events() == []
    lit = lamp.shine(250)
    (fired,) = lamp.until_told("fired")
    assert fired.rule.name == "Light"
    assert (fired.camera, fired.model, fired.by) == ("lamp", "echo", "logits")
    assert fired.score == pytest.approx(250 / 255, abs=0.01)
    timings = fired.timings_ms
    assert timings
    parts = timings.frame_age + timings.judge + timings.decide
    assert parts == pytest.approx(timings.capture_to_event, abs=0.1)
    assert timings.capture_to_event < 3000
    jpeg = lamp.redis.get(names.snapshot(fired.id))
    assert jpeg
    assert decode_jpeg(memoryview(jpeg)).mean() == pytest.approx(250, abs=3)
    assert lamp.standing().phase == "firing"
    lamp.shine(5)
    fired, resolved = lamp.until_told("fired", "resolved")
    assert resolved.id == fired.id
    assert resolved.score == pytest.approx(5 / 255, abs=0.01)
    assert resolved.duration_s > 0
    assert time() - lit < 30
    kept = decode_alert(lamp.redis.get(names.alert(fired.id)) or b"")
    assert (kept.state, kept.fired, kept.resolved) == ("resolved", fired, resolved)
    heard = [until(lambda: listening.get_message(timeout=1)) for _ in range(2)]
    assert [decode_event(message["data"]) for message in heard if message] == [fired, resolved]
    listening.close()


def test_a_rule_that_is_removed_while_it_fires_is_over(lamp: Lamp) -> None:
    lamp.rule()
    lamp.shine(250)
    lamp.until_told("fired")
    lamp.remove("light")
    fired, resolved = lamp.until_told("fired", "resolved")
    assert (resolved.id, resolved.reason, resolved.score) == (fired.id, "disabled", None)
    until(lambda: not lamp.redis.hgetall(names.STANDINGS))


def test_what_does_not_move_is_not_judged_again_until_the_refresh(lamp: Lamp) -> None:
    lamp.rule(id="gated", refresh_s=4)
    lamp.rule(id="open", gate="none")
    until(lambda: lamp.standing("open").judged >= 8, 30)
    gated = lamp.standing("gated")
    assert gated.judged <= 1 + lamp.standing("open").judged // 3
    assert gated.skipped > 0
    until(lambda: lamp.standing("gated").judged >= 2, 20)


@pytest.mark.parametrize("module", ["alerts", "inference", "valkey-server", "capture", "api"])
def test_whoever_is_killed_an_alert_fires_once_and_is_over_once(
    tmp_path: Path, module: str
) -> None:
    with watched_lamp(tmp_path) as lamp:
        lamp.rule(gate="none")
        until(lambda: lamp.standing().judged >= 1)
        lamp.shine(250)
        lamp.stack.kill(module)
        until(lambda: told(lamp) == ["fired"], 30)
        lamp.stack.kill(module)
        lamp.shine(5)
        until(lambda: told(lamp) == ["fired", "resolved"], 30)
        fired, resolved = lamp.events()
        assert fired.id == resolved.id


def told(lamp: Lamp) -> list[str]:
    try:
        return [event.type for event in lamp.events()]
    except RedisConnectionError:
        return []


def test_every_way_out_tells_the_same_document(tmp_path: Path) -> None:
    with (
        receiving() as receiver,
        watched_lamp(tmp_path, LOOKOUT_TARGETS=f"hook={receiver.url('ok')}") as lamp,
    ):
        address = lamp.stack.url.replace("http", "ws", 1)
        with connect(f"{address}/v1/alerts/ws?format=full&since=0") as socket:
            lamp.rule()
            until(lambda: lamp.standing().judged >= 1)
            lamp.shine(250)
            lamp.until_told("fired")
            lamp.shine(5)
            lamp.until_told("fired", "resolved")
            logged = [fields[b"event"] for _, fields in lamp.redis.xrange(names.ALERTS_LOG)]
            documents = [msgspec.json.decode(document) for document in logged]
            heard = [msgspec.json.decode(socket.recv(10)) for _ in documents]
        assert [one["event"] for one in heard] == documents
        until(lambda: len(receiver.to("ok")) == 2, 20)
        assert [call.event for call in receiver.to("ok")] == documents
        with httpx.stream("GET", f"{lamp.stack.url}/v1/alerts/stream?since=0") as stream:
            data = (line for line in stream.iter_lines() if line.startswith("data:"))
            told = [msgspec.json.decode(next(data).removeprefix("data:")) for _ in documents]
        assert told == documents
        found = httpx.get(f"{lamp.stack.url}/v1/alerts").json()["data"]
        assert [[one["fired"], one["resolved"]] for one in found] == [documents]
        metrics = httpx.get(f"{lamp.stack.url}/metrics").text
        assert 'lookout_rule_state{camera="lamp",rule="light"} 0.0' in metrics


def test_a_rule_must_hold_before_it_fires_and_waits_until_it_may_fire_again(lamp: Lamp) -> None:
    lamp.rule(for_s=2, cooldown_s=6, gate="none")
    lamp.shine(250)
    (fired,) = lamp.until_told("fired")
    assert fired.duration_s >= 2
    lamp.shine(5)
    lamp.until_told("fired", "resolved")
    lamp.shine(250)
    _, _, again = lamp.until_told("fired", "resolved", "fired")
    between = datetime.fromisoformat(again.captured_at or "") - datetime.fromisoformat(
        fired.captured_at or ""
    )
    assert between.total_seconds() >= 6
    assert again.id != fired.id

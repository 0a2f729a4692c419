"""What Home Assistant and others see at a broker is how things stand, also after trouble."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.mqtt.address import parse_address
from alerts.mqtt.broker import open_broker
from alerts.targets import TargetEntry
from alerts.way import Undelivered
from bus import names
from bus.alerts import Standing, encode, standing_field
from bus.messages import CameraSpec
from bus.messages import encode as encode_message
from bus.redis import open_redis
from compose.ports import free_port
from tests.alerts.broker import Mosquitto, broker, following, needs_mosquitto
from tests.alerts.raising import Desk, delivering, fired, settings, true
from tests.conftest import Run

pytestmark = needs_mosquitto
JPEG = b"\xff\xd8 a picture \xff\xd9"
PARCEL = "home/gate/r1"
SENSOR = "homeassistant/binary_sensor/home_gate__r1/config"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with broker(tmp_path) as running:
        yield running


def standing(**changed: Any) -> Standing:
    about = {"rule": "r1", "name": "Parcel", "question": "Is there a parcel?", "camera": "gate"}
    return Standing(**{**about, **changed})


async def stands(desk: Desk, now: Standing | None) -> None:
    """Say, as `alerts` does, how the rule stands; None: it is gone."""
    field = standing_field("r1", "gate")
    if now:
        await desk.redis.hset(names.STANDINGS, field, encode(now))
    else:
        await desk.redis.hdel(names.STANDINGS, field)
    await desk.redis.publish(names.STANDING_CHANGES, field)


def test_events_arrive_as_they_are_in_the_log(
    run: Run, redis_url: str, mosquitto: Mosquitto
) -> None:
    async def scenario() -> None:
        given = settings(redis_url, targets=(f"ha={mosquitto.url('home')}",))
        with following(mosquitto) as follower:
            async with delivering(given) as desk:
                await desk.tell(fired())
                await desk.until("ha", delivered="1")
                await true(lambda: ("home/events", encode(fired())) in follower.messages)
                assert follower.kept["home/status"] == b"online"
            await true(lambda: follower.kept["home/status"] == b"offline")

    run(scenario())


def test_the_state_of_a_rule_is_kept_and_follows_it(
    run: Run, redis_url: str, mosquitto: Mosquitto
) -> None:
    async def scenario() -> None:
        given = settings(redis_url, targets=(f"ha={mosquitto.url('home')}",))
        async with delivering(given) as desk:
            spec = CameraSpec("gate", "demo:", name="The gate")
            await desk.redis.hset(names.CAMERAS, "gate", encode_message(spec))
            await stands(desk, standing())
            with following(mosquitto) as follower:
                kept = follower.kept
                await true(lambda: kept.get(f"{PARCEL}/state") == b"OFF")
                assert f"{PARCEL}/score" not in kept
                await desk.redis.set(names.snapshot("a1"), JPEG)
                await stands(desk, standing(phase="firing", score=0.934, alert="a1"))
                await true(lambda: kept.get(f"{PARCEL}/snapshot") == JPEG)
                assert (kept[f"{PARCEL}/state"], kept[f"{PARCEL}/score"]) == (b"ON", b"0.93")
                attributes = msgspec.json.decode(kept[f"{PARCEL}/attributes"])
                assert (attributes["phase"], attributes["alert"]) == ("firing", "a1")
                await stands(desk, standing(error="the camera is away"))
                await true(lambda: kept[f"{PARCEL}/availability"] == b"offline")
                assert kept[f"{PARCEL}/snapshot"] == JPEG

    run(scenario())


def test_home_assistant_finds_a_device_for_each_camera(
    run: Run, redis_url: str, mosquitto: Mosquitto
) -> None:
    async def scenario() -> None:
        given = settings(redis_url, targets=(f"ha={mosquitto.url('home')}",))
        async with delivering(given) as desk:
            spec = CameraSpec("gate", "demo:", name="The gate")
            await desk.redis.hset(names.CAMERAS, "gate", encode_message(spec))
            await stands(desk, standing())
            with following(mosquitto) as follower:
                await true(lambda: f"{PARCEL}/state" in follower.kept)
                found = {
                    topic.split("/")[1]: msgspec.json.decode(data)
                    for topic, data in follower.kept.items()
                    if topic.startswith("homeassistant/")
                }
        assert set(found) == {"binary_sensor", "sensor", "image"}
        sensor = found["binary_sensor"]
        assert (sensor["name"], sensor["state_topic"]) == ("Parcel", f"{PARCEL}/state")
        assert [one["topic"] for one in sensor["availability"]] == [
            *("home/status", f"{PARCEL}/availability")
        ]
        assert found["image"]["image_topic"] == f"{PARCEL}/snapshot"
        assert len({one["unique_id"] for one in found.values()}) == 3
        devices = [one["device"] for one in found.values()]
        assert devices == [devices[0]] * 3
        assert devices[0]["name"] == "The gate"

    run(scenario())


def test_without_discovery_or_pictures_there_are_only_states(
    run: Run, redis_url: str, mosquitto: Mosquitto
) -> None:
    async def scenario() -> None:
        entry = TargetEntry(mosquitto.url("home?discovery=none"), snapshot="none")
        async with delivering(settings(redis_url, targets={"ha": entry})) as desk:
            await desk.redis.set(names.snapshot("a1"), JPEG)
            await stands(desk, standing(phase="firing", alert="a1"))
            with following(mosquitto) as follower:
                await true(lambda: follower.kept.get(f"{PARCEL}/state") == b"ON")
                await desk.tell(fired())
                await true(lambda: follower.said("home/events"))
                assert follower.said("home/events")[0]["snapshot"] is None
                kept = set(follower.kept)
        states = {f"{PARCEL}/{name}" for name in ("state", "attributes", "availability")}
        assert kept == {"home/status", "home/events", *states}

    run(scenario())


def test_a_rule_that_goes_leaves_nothing_even_if_nobody_was_there_then(
    run: Run, redis_url: str, mosquitto: Mosquitto
) -> None:
    async def scenario() -> None:
        given = settings(redis_url, targets=(f"ha={mosquitto.url('home')}",))
        with following(mosquitto) as follower:
            for was_there in (True, False):
                async with delivering(given) as desk:
                    await stands(desk, standing(score=0.5))
                    await true(lambda: f"{PARCEL}/state" in follower.kept)
                    if was_there:
                        await stands(desk, None)
                        await true(lambda: set(follower.kept) == {"home/status"})
            await true(lambda: follower.kept["home/status"] == b"offline")
            assert SENSOR in follower.kept
            async with open_redis(redis_url) as redis:
                await redis.unlink(names.STANDINGS)
            async with delivering(given):
                await true(lambda: follower.kept == {"home/status": b"online"})

    run(scenario())


def test_after_the_broker_was_away_all_is_as_it_should_be(
    run: Run, redis_url: str, mosquitto: Mosquitto
) -> None:
    async def scenario() -> None:
        given = settings(redis_url, targets=(f"ha={mosquitto.url('home')}",))
        async with delivering(given) as desk:
            await stands(desk, standing())
            with following(mosquitto) as follower:
                await true(lambda: f"{PARCEL}/state" in follower.kept)
            mosquitto.stop()
            await desk.tell(fired("while away"))
            await stands(desk, standing(phase="firing"))
            await asyncio.to_thread(mosquitto.start)
            with following(mosquitto) as follower:
                await true(lambda: follower.kept.get(f"{PARCEL}/state") == b"ON")
                await desk.until("ha", delivered="1")
                await true(lambda: follower.kept.get("home/status") == b"online")

    run(scenario())


def test_a_wrong_password_is_told_and_not_shown(
    run: Run, redis_url: str, mosquitto: Mosquitto
) -> None:
    async def scenario() -> None:
        address = parse_address(mosquitto.url("home", "me:SECRET"))
        async with open_broker(address, "test", "") as refused:
            with pytest.raises(Undelivered, match="refuses us: Not authorized") as raised:
                await refused.publish("home/events", b"{}")
        assert "SECRET" not in str(raised.value)

    run(scenario())


def test_leaving_does_not_wait_for_a_broker_that_is_away(run: Run) -> None:
    async def scenario() -> None:
        address = parse_address(f"mqtt://127.0.0.1:{free_port()}")
        async with asyncio.timeout(5), open_broker(address, "test", ""):
            pass

    run(scenario())

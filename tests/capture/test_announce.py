"""A camera that is lost is announced, once; so is its return."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from time import time
from typing import Any

import msgspec

from bus import names
from bus.messages import CameraSpec
from bus.redis import listen
from tests.capture.process import Neighbour, capturing, neighbour
from tests.conftest import Run
from tests.rtsp_server import serve_rtsp

Events = AsyncGenerator[tuple[str, bytes] | None]


async def heard(events: Events) -> dict[str, Any]:
    """The next event on the channel."""
    async with asyncio.timeout(15):
        async for message in events:
            if message:
                event: dict[str, Any] = msgspec.json.decode(message[1])
                return event
    raise AssertionError("the channel was closed")


async def logged(we: Neighbour) -> list[dict[str, Any]]:
    entries: Any = await we.redis.xrange(names.ALERTS_LOG)
    return [msgspec.json.decode(fields[b"event"]) for _, fields in entries]


def test_a_lost_camera_is_announced_once_and_its_return_with_the_same_id(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with neighbour(redis_url, tmp_path / "run") as we:
            async with aclosing(listen(we.redis, names.ALERTS)) as events:
                assert await anext(events) is None  # subscribed
                async with serve_rtsp(login="user:secret") as camera:
                    port, url = camera.port, camera.url
                    spec = CameraSpec("gate", url, explicit=True, name="The gate")
                    await we.cameras.add(spec)
                    await we.want("passing", url)  # nobody registered it
                    await we.cameras.wait_live("gate", 10)
                    lost = time()
                    camera.hang_up()
                down = await heard(events)
                assert (down["v"], down["type"], down["camera"]) == (1, "camera_down", "gate")
                assert down["name"] == "The gate"
                assert down["error"]
                assert "secret" not in str(down)
                assert abs(datetime.fromisoformat(down["captured_at"]).timestamp() - lost) < 5
                async with serve_rtsp(login="user:secret", port=port):
                    up = await heard(events)
                assert (up["type"], up["id"], up["error"]) == ("camera_up", down["id"], None)
            assert await logged(we) == [down, up]

    with capturing(redis_url, tmp_path / "run", CAMERA_DOWN_S="1"):
        run(scenario())


def test_a_process_that_takes_over_does_not_say_it_again(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with neighbour(redis_url, tmp_path / "run") as we:
            spec = CameraSpec("gate", "rtsp://127.0.0.1:9/s1", explicit=True)
            await we.cameras.add(spec)
            with capturing(redis_url, tmp_path / "run", CAMERA_DOWN_S="0"):
                await we.until("gate", lambda now: bool(now and now.state == "down"))
                while not await logged(we):
                    await we.cameras.changed("gate", 0.1)
            with capturing(redis_url, tmp_path / "run", CAMERA_DOWN_S="0"):
                await we.until("gate", lambda now: bool(now and now.attempts >= 2))
            assert len(await logged(we)) == 1
            assert await we.cameras.remove("gate")
            assert not await we.redis.exists(names.camera_down("gate"))

    run(scenario())

"""Publishing to another server."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import time
from typing import Any

import pytest
from redis.asyncio import Redis

from bus import names
from bus.messages import Answered, CameraSpec, encode
from bus.redis import open_redis
from compose.ports import free_port
from tests.capture.process import capturing, neighbour
from tests.conftest import Run
from tests.preview.process import ROOT, previewing
from tests.preview.recorder import recording
from tests.rtsp_server import serve_rtsp


def receiver(url: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.preview.receiver", url, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def received(child: subprocess.Popen[str]) -> list[Any]:
    out, _ = child.communicate(timeout=30)
    return [json.loads(line) for line in out.splitlines()]


def test_ffmpeg_takes_the_pictures_of_the_camera_that_was_asked(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        url, run_dir = f"rtsp://127.0.0.1:{free_port()}/live/{{camera}}", tmp_path / "run"
        with capturing(redis_url, run_dir), receiver(url.format(camera="out"), 20) as child:
            async with serve_rtsp() as camera, neighbour(redis_url, run_dir) as we:
                await we.want("front", camera.url)
                await we.cameras.wait_live("front", 10)
                said = encode(Answered("front", "", "", time()))
                await we.redis.set(names.answer("front"), said)
                with previewing(redis_url, run_dir, PREVIEW_PUSH_URL=url):
                    lines = await asyncio.to_thread(received, child)
        pairs = [(line["number"], line["time_s"]) for line in lines]
        assert len(pairs) == 20
        for (number, time_s), (next_number, next_s) in pairwise(pairs[8:]):
            assert next_s - time_s == pytest.approx((next_number - number) / 15, abs=0.06)

    run(scenario())


def test_every_registered_camera_is_published_with_a_login_and_again_after_a_loss(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with recording(("ann", "s3cret")) as recorder, open_redis(redis_url) as redis:
            await register(redis, "front", explicit=True)
            await register(redis, "asked", explicit=False)
            url = f"rtsp://ann:s3cret@127.0.0.1:{recorder.port}/{{camera}}"
            with previewing(redis_url, tmp_path, PREVIEW_PUSH_URL=url) as preview:
                await until(lambda: sorted(recorder.announced) == ["front", "out"])
                await until(lambda: len(recorder.video) > 10)
                await until(lambda: preview.heartbeat().get("paths") == "front out")
                await register(redis, "back", explicit=True)
                await until(lambda: "back" in recorder.announced)
                await redis.hdel(names.CAMERAS, "front")
                await redis.publish(names.CAMERA_COMMANDS, "front")
                await until(lambda: recorder.asked["TEARDOWN 200"] == 1)
                recorder.hang_up()
                await until(lambda: len(recorder.announced) == 5)
                assert sorted(recorder.announced[3:]) == ["back", "out"]
                recorder.video.clear()
                await until(lambda: any(packet.is_key for packet in recorder.video))
            assert "s3cret" not in preview.log.read_text()

    run(scenario())


def test_who_refuses_is_asked_again_and_told_of_once(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with recording() as recorder:
            recorder.refuses = True
            url = f"rtsp://127.0.0.1:{recorder.port}/x"
            with previewing(redis_url, tmp_path, PREVIEW_PUSH_URL=url) as preview:
                await until(lambda: recorder.asked["ANNOUNCE 403"] == 2)
                assert preview.heartbeat().get("encoded") == "0"
                recorder.refuses = False
                await until(lambda: len(recorder.video) > 3)
            told = preview.log.read_text()
            assert told.count("it answers 403 Forbidden to ANNOUNCE") == 1

    run(scenario())


async def register(redis: Redis, camera: str, *, explicit: bool) -> None:
    spec = CameraSpec(camera, "demo:", explicit=explicit)
    await redis.hset(names.CAMERAS, camera, encode(spec))
    await redis.publish(names.CAMERA_COMMANDS, camera)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not is_so():
            await asyncio.sleep(0.02)

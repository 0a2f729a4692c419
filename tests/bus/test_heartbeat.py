"""The sign of life is there while the process lives, through a Redis that is not."""

import asyncio
import os
import subprocess
from pathlib import Path

from redis.asyncio import Redis

from bus import names
from bus.heartbeat import beat
from bus.redis import listen, open_redis
from bus.settings import BusSettings
from bus.tasks import background
from compose import health, valkey
from tests.conftest import Run, wait_for_redis

SETTINGS = BusSettings(process="test")
KEY = names.process("test")


async def until_there(redis: Redis) -> None:
    async with asyncio.timeout(10):
        while not await redis.exists(KEY):
            await asyncio.sleep(0.02)


def test_it_is_there_while_the_block_runs_and_gone_after_it(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        count = iter(range(100))
        async with open_redis(redis_url) as redis:
            async with background(beat(redis, SETTINGS, lambda: {"n": str(next(count))})):
                await until_there(redis)
                assert await redis.hgetall(KEY) == {b"n": b"0"}
                assert 4_000 < await redis.pttl(KEY) <= 5_000
                async with asyncio.timeout(3):
                    while await redis.hget(KEY, "n") == b"0":
                        await asyncio.sleep(0.05)
            assert not await redis.exists(KEY)

    run(scenario())


def test_a_health_check_finds_it_as_a_file_that_is_renewed(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        file = tmp_path / "alive"
        settings = BusSettings(process="test", alive_file=str(file))
        async with (
            open_redis(redis_url) as redis,
            background(beat(redis, settings, lambda: {"id": "1"})),
            asyncio.timeout(10),
        ):
            while not health.lives(str(file)):
                await asyncio.sleep(0.02)
            os.utime(file, (0, 0))
            assert not health.lives(str(file))
            while not health.lives(str(file)):
                await asyncio.sleep(0.05)

    run(scenario())


def test_it_comes_back_with_redis_and_so_do_listeners(run: Run, tmp_path: Path) -> None:
    url = f"unix://{tmp_path / 's'}"

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(valkey.command(tmp_path / "s", tmp_path, 0))
        wait_for_redis(url)
        return process

    async def scenario(server: list["subprocess.Popen[bytes]"]) -> None:
        async with (
            open_redis(url, patience_s=1) as redis,
            background(beat(redis, SETTINGS, lambda: {"id": "1"})),
        ):
            heard = listen(redis, "a", "b")
            assert await anext(heard) is None
            server[0].kill()
            server[0].wait()
            server[0] = start()
            await redis.unlink(KEY)
            async with asyncio.timeout(10):
                assert await anext(heard) is None  # what was said meanwhile was missed
            await redis.publish("b", "again")
            assert await anext(heard) == ("b", b"again")
            await until_there(redis)
            await heard.aclose()

    server = [start()]
    try:
        run(scenario(server))
    finally:
        server[0].kill()
        server[0].wait()


def test_a_redis_that_is_away_does_not_hold_up_the_end(run: Run, tmp_path: Path) -> None:
    async def scenario(server: "subprocess.Popen[bytes]") -> None:
        async with (
            asyncio.timeout(5),
            open_redis(url) as redis,
            background(beat(redis, SETTINGS, lambda: {"id": "1"})),
        ):
            await until_there(redis)
            server.kill()
            server.wait()

    url = f"unix://{tmp_path / 's'}"
    with subprocess.Popen(valkey.command(tmp_path / "s", tmp_path, 0)) as server:
        wait_for_redis(url)
        run(scenario(server))

"""What the tests share: a real Valkey, and the whole stack as its users start it."""

import asyncio
import subprocess
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from bus.redis import open_redis
from compose import valkey
from tests.stack import Stack, running

Run = Callable[[Coroutine[Any, Any, object]], None]


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Valkey that lives as long as the tests."""
    folder = tmp_path_factory.mktemp("redis")
    socket = folder / "s"
    with subprocess.Popen(valkey.command(socket, folder, 0)) as process:
        url = f"unix://{socket}"
        wait_for_redis(url)
        yield url
        process.terminate()


def wait_for_redis(url: str) -> None:
    from redis.backoff import ConstantBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    with Redis.from_url(url, retry=Retry(ConstantBackoff(0.02), 500)) as redis:
        redis.ping()


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """URL of an empty Valkey."""
    with Redis.from_url(redis_server) as redis:
        redis.flushall()
    return redis_server


@asynccontextmanager
async def client(url: str) -> AsyncGenerator[AsyncRedis]:
    async with open_redis(url) as redis:
        yield redis


@pytest.fixture
def run() -> Run:
    """Run a scenario, which must not take longer than a minute."""

    def run_scenario(scenario: Coroutine[Any, Any, object]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(60):
                await scenario

        asyncio.run(bounded())

    return run_scenario


@pytest.fixture(scope="session")
def echo_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole Lookout with the echo engine, for every test that leaves it as it was."""
    folder = tmp_path_factory.mktemp("stack")
    media = folder / "media"
    media.mkdir()
    with running(
        folder,
        "--model",
        "echo:?slots=128",
        LOOKOUT_ALLOW_HOSTS="127.0.0.0/8",
        LOOKOUT_FILE_ROOTS=str(media),
    ) as stack:
        yield stack

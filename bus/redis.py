"""How we talk to Redis (or Valkey): patiently, in batches, and with our own errors."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bus.errors import BadSettings, Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

BLOCK_S = 5.0  # how long a blocking read waits on the server before it asks again
AWAY = (RedisConnectionError, RedisTimeoutError)

Command = tuple[str | bytes | int | float, ...]


CONNECTIONS = 32  # of one process; who finds them all in use waits for one
FIRST_WAIT_S, LONGEST_WAIT_S = 0.02, 0.4


@asynccontextmanager
async def open_redis(url: str, patience_s: float = 10.0) -> AsyncGenerator[Redis]:
    """
    A client of the Redis at *url* that repeats a command while the server is away.

    After about *patience_s* of that it raises the client's own connection error.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=max(1.0, patience_s),
            protocol=2,
            # Not a number: before Python 3.12 the client then waits in a way that can
            # swallow our cancellation. Keep-alive packets find a peer that has vanished.
            socket_timeout=None,
            socket_connect_timeout=2,
            retry=Retry(
                ExponentialBackoff(LONGEST_WAIT_S, FIRST_WAIT_S), round(patience_s / LONGEST_WAIT_S)
            ),
            retry_on_error=list(AWAY),
        )
    except ValueError as error:
        raise BadSettings(f"REDIS_URL: {error}") from error
    async with Redis.from_pool(pool) as client:
        yield client


class Line:
    """
    A connection kept for commands of which there are many, one exchange at a time.

    To borrow one from the client's pool for each command costs more than the command.
    """

    def __init__(self, redis: Redis) -> None:
        self._pool: Any = redis.connection_pool
        self._connection: Any = None

    async def send(self, *command: str | bytes | int | float) -> Any:
        """The answer to *command*, or its error raised."""
        (answer,) = await self.exchange((command,))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """The answers to *commands*, errors among them; patient as the client is."""
        if self._connection is None:
            self._connection = await self._pool.get_connection()
        line = self._connection
        answers: list[Any] = await line.retry.call_with_retry(
            lambda: self._try(commands), lambda _: line.disconnect()
        )
        return answers

    async def _try(self, commands: Sequence[Command]) -> list[Any]:
        await self._connection.send_packed_command(self._connection.pack_commands(commands))
        return [await self._answer() for _ in commands]

    async def _answer(self) -> Any:
        try:
            return await self._connection.read_response()
        except ResponseError as error:
            return error


def entries(answer: Any) -> list[tuple[str, list[tuple[bytes, dict[bytes, bytes]]]]]:
    """What XREAD or XREADGROUP answered: of each stream its entries, and their fields."""
    return [
        (name.decode(), [(entry, _fields(flat)) for entry, flat in found])
        for name, found in answer or ()
    ]


def _fields(flat: Sequence[bytes] | None) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True)) if flat else {}


class Batch:
    """
    Commands issued in the same turn of the event loop, sent as one pipeline.

    Under load this is what makes the queue cheap: one write and one read of the
    socket serve every request that is ready. What must be atomic is a script.
    """

    def __init__(self, redis: Redis) -> None:
        self._line = Line(redis)
        self._waiting: list[tuple[Command, asyncio.Future[Any]]] = []
        self._sender: asyncio.Task[None] | None = None

    def send(self, *command: str | bytes | int | float) -> "asyncio.Future[Any]":
        """The answer to *command*, or its error raised."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_waiting())
        return answer

    async def _send_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                answers = await self._line.exchange([command for command, _ in batch])
            except Exception as error:  # whatever it is, nobody may wait for ever
                answers = [error] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                _settle(future, answer)
        self._sender = None


def _settle(future: "asyncio.Future[Any]", answer: object) -> None:
    if future.done():  # whoever asked has gone
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


@asynccontextmanager
async def translated() -> AsyncGenerator[None]:
    """Turn Redis being away into our own error."""
    try:
        yield
    except AWAY as error:
        raise Unavailable("Redis does not answer: try again shortly") from error


async def listen(redis: Redis, *channels: str) -> AsyncGenerator[tuple[str, bytes] | None]:
    """
    Messages of *channels* as (channel, data), for ever.

    None comes first, and again after each loss of the connection: what was said
    meanwhile was missed, so whoever keeps a state reads it again.
    """
    while True:
        try:
            async with redis.pubsub() as pubsub:
                await pubsub.subscribe(*channels)
                async for message in pubsub.listen():
                    channel = message["channel"].decode()
                    if message["type"] == "message":
                        yield channel, message["data"]
                    elif channel == channels[-1]:  # the client subscribes again by itself
                        yield None
        except AWAY:
            log.warning("redis lost, listening again channels=%s", ",".join(channels))
            await asyncio.sleep(0.2)

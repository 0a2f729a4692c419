"""How much one key may ask of the models, in all api processes together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import openai
import pytest
from redis.asyncio import Redis

from api.rates import Allowance, Rates, duration
from api.settings import ApiSettings
from bus.redis import open_redis
from tests.api.asking import CHAT, refused
from tests.api.serving import serving
from tests.conftest import Run

ANN, BOB = "key-of-ann-" + "a" * 20, "key-of-bob-" + "b" * 20
SETTINGS = ApiSettings(api_keys=(f"ann={ANN}", f"bob={BOB}"))


@asynccontextmanager
async def limited(
    redis_url: str, per_minute: int = 0, at_once: int = 0, keep_s: float = 60.0
) -> AsyncGenerator[tuple[str, Redis]]:
    """Address of a server with these limits, and the Redis where it counts."""
    async with open_redis(redis_url, 2.0) as redis:
        rates = Rates(redis, Allowance(per_minute, at_once), keep_s)
        async with serving(SETTINGS, rates) as port:
            yield f"http://127.0.0.1:{port}", redis


def client(url: str, key: str = ANN) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=20)


def told(answer: httpx.Response) -> tuple[str, ...]:
    names = ("limit", "remaining", "reset")
    return tuple(answer.headers[f"x-ratelimit-{name}-requests"] for name in names)


def test_a_key_may_ask_so_often_and_another_one_as_often(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with (
            limited(redis_url, per_minute=6) as (url, _),
            limited(redis_url, per_minute=6) as (second_url, _),  # another process, as it were
            client(url) as ann,
            client(second_url) as ann_elsewhere,
            client(url, BOB) as bob,
        ):
            for left in range(5, -1, -1):
                answer = await (ann if left % 2 else ann_elsewhere).post(CHAT, json={})
                assert answer.status_code == 200
                assert answer.json()["key"] == "ann"
                assert told(answer)[:2] == ("6", str(left))
                assert told(answer)[2].endswith("s")
            surplus = await ann.post(CHAT, json={})
            assert "6 requests per minute is all that ann" in refused(
                surplus, 429, "rate_limit_exceeded"
            )
            assert 1 <= int(surplus.headers["retry-after"]) <= 10
            assert told(surplus)[:2] == ("6", "0")
            assert (await bob.post(CHAT, json={})).status_code == 200
            unlimited = await ann.get("/v1/cameras")
            assert unlimited.status_code == 200
            assert "x-ratelimit-limit-requests" not in unlimited.headers

    run(scenario())


def test_the_allowance_fills_up_again_evenly(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with limited(redis_url, per_minute=600) as (_, redis):
            rates = Rates(redis, Allowance(600, 0), 60)
            for number in range(600):
                await rates.admit("ann", str(number))
            for _ in range(3):
                admission = await rates.admit("ann", "more")
                if not admission.admitted:
                    assert admission.wait_ms <= 100  # a tenth of a second, as there are ten in one
                    await asyncio.sleep((admission.wait_ms + 1) / 1000)
                    assert (await rates.admit("ann", "then")).admitted

    run(scenario())


def test_openais_client_has_its_own_error_and_comes_again_by_itself(
    run: Run, redis_url: str
) -> None:
    async def ask(client: openai.AsyncOpenAI) -> str | None:
        message = {"role": "user", "content": "?"}
        answer = await client.chat.completions.create(model="small", messages=[message])  # type: ignore[list-item]
        return answer.choices[0].message.content

    async def scenario() -> None:
        async with (
            limited(redis_url, per_minute=60) as (url, redis),
            openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=BOB, max_retries=0) as client,
        ):
            rates = Rates(redis, Allowance(60, 0), 60)
            while (await rates.admit("bob", "before")).admitted:
                pass
            with pytest.raises(openai.RateLimitError) as raised:
                await ask(client)
            assert raised.value.code == "rate_limit_exceeded"
            assert await ask(client.with_options(max_retries=5)) == "yes"

    run(scenario())


def test_no_more_than_so_many_at_once(run: Run, redis_url: str) -> None:
    async def body(end: asyncio.Event) -> AsyncGenerator[bytes]:
        yield b"{"
        await end.wait()
        yield b"}"

    async def scenario() -> None:
        end = asyncio.Event()
        async with limited(redis_url, at_once=2) as (url, redis), client(url) as ann:
            two = [asyncio.create_task(ann.post(CHAT, content=body(end))) for _ in range(2)]
            while await redis.zcard("lookout:rate:ann:under-way") < 2:
                await asyncio.sleep(0.01)
            third = await ann.post(CHAT, json={})
            assert "2 requests at once" in refused(third, 429, "rate_limit_exceeded")
            assert third.headers["retry-after"] == "1"
            async with client(url, BOB) as bob:
                assert (await bob.post(CHAT, json={})).status_code == 200
            end.set()
            assert [(await answer).status_code for answer in two] == [200, 200]
            while await redis.zcard("lookout:rate:ann:under-way"):
                await asyncio.sleep(0.01)
            assert (await ann.post(CHAT, json={})).status_code == 200

    run(scenario())


def test_requests_of_a_process_that_died_are_forgotten(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with open_redis(redis_url, 2.0) as redis:
            dying = Rates(redis, Allowance(0, 1), 0.3)
            assert (await dying.admit("ann", "never ended")).admitted
            assert not (await dying.admit("ann", "second")).admitted
            async with asyncio.timeout(10):
                while not (await dying.admit("ann", "later")).admitted:
                    await asyncio.sleep(0.05)

    run(scenario())


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5, "0ms"),
        (0, "0ms"),
        (120, "120ms"),
        (1000, "1s"),
        (1500, "1.5s"),
        (59_999, "59.999s"),
        (360_000, "6m0s"),
        (3_661_500, "1h1m1.5s"),
    ],
)
def test_durations_are_written_as_openai_does(ms: int, text: str) -> None:
    assert duration(ms) == text

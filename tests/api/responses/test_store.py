"""What is kept has an owner, an end, and bounds; nobody else's is ever told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis

from api.responses.listing import page
from api.responses.store import MOST_PICTURES, Kept, Limits, Store
from bus import names
from tests.conftest import Run, client

ROOM = 2**20
LIMITS = Limits(keep_s=60, most=100, size_bytes=ROOM)


def kept(number: int, words: str = "hi", owner: str = "me") -> Kept:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
    return Kept(owner, {"id": f"resp_{number:032x}", "output": []}, [item])


def scenario(
    run: Run, url: str, limits: Limits, steps: Callable[[Store, Redis], Awaitable[None]]
) -> None:
    async def opened() -> None:
        async with client(url) as redis:
            await steps(Store(redis, limits), redis)

    run(opened())


async def there(store: Store, *numbers: int) -> list[bool]:
    return [await store.get(f"resp_{number:032x}", "me") is not None for number in numbers]


async def total(redis: Redis) -> int:
    size: Any = await redis.hget(names.RESPONSE_SIZES, "total")
    return int(size)


def test_only_its_owner_finds_a_response(run: Run, redis_url: str) -> None:
    async def steps(store: Store, redis: Redis) -> None:
        assert await store.keep(kept(1), [])
        assert await store.get(kept(1).response["id"], "me") == kept(1)
        for other in ("", "you", "m"):
            assert await store.get(kept(1).response["id"], other) is None

    scenario(run, redis_url, LIMITS, steps)


def test_it_expires(run: Run, redis_url: str) -> None:
    async def steps(store: Store, redis: Redis) -> None:
        assert await store.keep(kept(1), [])
        assert 0 < await redis.pttl(names.response(kept(1).response["id"])) <= 300
        async with asyncio.timeout(20):
            while await redis.keys("*"):  # nothing that belonged to it stays
                await asyncio.sleep(0.02)

    scenario(run, redis_url, Limits(0.3, 100, ROOM), steps)


def test_of_too_many_the_oldest_go(run: Run, redis_url: str) -> None:
    async def steps(store: Store, redis: Redis) -> None:
        for number in range(5):
            assert await store.keep(kept(number), [])
        assert await there(store, 0, 1, 2, 3, 4) == [False, False, True, True, True]
        assert len(await redis.keys(names.response("*"))) == 3

    scenario(run, redis_url, Limits(60, 3, ROOM), steps)


def test_of_too_much_the_oldest_go(run: Run, redis_url: str) -> None:
    async def steps(store: Store, redis: Redis) -> None:
        for number in range(4):
            assert await store.keep(kept(number, "x" * (ROOM // 3)), [])
            assert await total(redis) <= ROOM
        assert await there(store, 0, 1, 2, 3) == [False, False, True, True]
        assert await store.remove(kept(2).response["id"])
        assert await store.remove(kept(3).response["id"])
        assert not await store.remove(kept(3).response["id"])
        assert await total(redis) == 0

    scenario(run, redis_url, LIMITS, steps)


def test_what_is_larger_than_all_the_room_is_not_kept(run: Run, redis_url: str) -> None:
    async def steps(store: Store, redis: Redis) -> None:
        assert await store.keep(kept(1), [])
        assert not await store.keep(kept(2, "x" * ROOM), [])
        assert await there(store, 1, 2) == [True, False]

    scenario(run, redis_url, LIMITS, steps)


def test_pictures_go_with_their_response(run: Run, redis_url: str) -> None:
    async def steps(store: Store, redis: Redis) -> None:
        await redis.set(names.image("a1"), b"picture")
        response = kept(1).response["id"]
        assert await store.keep(kept(1), ["a1", "gone"])
        await redis.delete(names.image("a1"))
        assert (await store.pictures(response, ["a1", "gone"])) == {
            "a1": "data:;base64,cGljdHVyZQ=="
        }
        await store.remove(response)
        assert await store.pictures(response, ["a1"]) == {}
        assert await total(redis) == 0

    scenario(run, redis_url, LIMITS, steps)


def test_pictures_that_are_too_large_are_left_out(run: Run, redis_url: str) -> None:
    async def steps(store: Store, redis: Redis) -> None:
        await redis.set(names.image("large"), bytes(MOST_PICTURES - 10))
        await redis.set(names.image("more"), bytes(100))
        assert await store.keep(kept(1), ["large", "more"])
        assert set(await store.pictures(kept(1).response["id"], ["large", "more"])) == {"large"}

    scenario(run, redis_url, Limits(60, 100, 3 * MOST_PICTURES), steps)


def test_nothing_is_kept_where_nothing_shall_be(run: Run, redis_url: str) -> None:
    async def steps(store: Store, redis: Redis) -> None:
        assert not store.keeps
        assert not await store.keep(kept(1), [])
        assert await redis.keys("*") == []

    scenario(run, redis_url, Limits(0, 100, ROOM), steps)


def test_the_password_of_a_camera_is_not_listed() -> None:
    url = "rtsp://me:secret@10.0.0.5/1"
    content = [
        {"type": "input_image", "image_url": url},
        {"type": "stream", "stream": {"stream_id": url}},
    ]
    items = [
        {"id": "msg_1", "type": "message", "role": "user", "content": content},
        {"id": "fco_1", "type": "function_call_output", "call_id": "c", "output": content},
    ]
    listed = str(page(items, "asc", "", 20))
    assert listed.count("10.0.0.5/1") == 4
    assert "secret" not in listed

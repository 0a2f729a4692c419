"""A registry that changes while a capture process takes its cameras from it."""

from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from bus import names
from bus.cameras import Cameras
from bus.messages import CameraSpec
from bus.redis import open_redis
from capture.registry import Registry
from tests.conftest import Run

OLD = CameraSpec("gate", "test:old", explicit=True)
NEW = CameraSpec("gate", "test:new", explicit=True)
NAMED = CameraSpec("gate", "test:old", explicit=True, name="The gate")
Change = Callable[[Cameras, CameraSpec], Awaitable[None]]


class Interrupted(Registry):
    """Something happens after the entries have been read and before the leases are taken."""

    def __init__(self, redis: Redis, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(redis, "c1", ())
        self._meanwhile = meanwhile

    async def _choose(self, cameras: list[str]) -> set[str]:
        await self._meanwhile()
        return await super()._choose(cameras)


@pytest.mark.parametrize(("change", "changed"), [(Cameras.replace, NEW), (Cameras.rename, NAMED)])
def test_a_camera_that_is_changed_meanwhile_is_taken_as_it_is_now(
    run: Run, redis_url: str, change: Change, changed: CameraSpec
) -> None:
    async def scenario() -> None:
        async with open_redis(redis_url) as redis:
            cameras = Cameras(redis)
            await cameras.add(OLD)
            assert await Registry(redis, "c1", ()).ours() == {"gate": OLD}
            registry = Interrupted(redis, lambda: change(cameras, changed))
            assert await registry.ours() == {"gate": changed}

    run(scenario())


def test_what_was_removed_meanwhile_is_not_taken(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with open_redis(redis_url) as redis:
            cameras = Cameras(redis)
            await cameras.add(OLD)
            registry = Interrupted(redis, lambda: cameras.remove("gate"))
            assert await registry.ours() == {}
            assert not await redis.exists(names.camera_lease("gate"))

    run(scenario())

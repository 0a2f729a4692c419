"""Several capture processes share the cameras, whoever comes and goes."""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

from bus.messages import CameraSpec
from tests.capture.process import Neighbour, capturing, neighbour
from tests.conftest import Run

IDS = [f"yard{number}" for number in range(6)]


async def owners(we: Neighbour) -> Counter[str]:
    """Live cameras by the process that has them."""
    found = await we.cameras.all()
    return Counter(status.owner for status in found if status.state == "live")


async def until_held(we: Neighbour, counts: list[int], within_s: float) -> Counter[str]:
    deadline = monotonic() + within_s
    while sorted((held := await owners(we)).values()) != counts:
        assert monotonic() < deadline, held
        await we.cameras.changed(IDS[0], 0.2)
    return held


async def register(we: Neighbour) -> None:
    for name in IDS:
        await we.cameras.add(CameraSpec(name, "demo:?size=160x120&fps=5", explicit=True))


@pytest.mark.soak
def test_cameras_are_divided_and_move_to_who_comes_and_from_who_is_killed(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario(processes: ExitStack) -> None:
        one = processes.enter_context(capturing(redis_url, tmp_path / "run"))
        async with neighbour(redis_url, tmp_path / "run") as we:
            await register(we)
            await until_held(we, [6], 10)
            processes.enter_context(capturing(redis_url, tmp_path / "run"))
            await until_held(we, [3, 3], 25)
            one.kill()
            killed = monotonic()
            # what a dead process said of its cameras is believed until its leases end
            while len(held := await owners(we)) != 1 or sum(held.values()) != len(IDS):
                assert monotonic() - killed < 10, held
                await we.cameras.changed(IDS[0], 0.2)
            for name in IDS:
                assert (await we.frames.newest(name, 3)).age_s < 1.5

    with ExitStack() as processes:
        run(scenario(processes))

"""What a camera that is opened again and again for months must not cost: `make soak`."""

import asyncio
import gc
import os
import threading
from pathlib import Path
from time import monotonic, time

import pytest

from bus.frames import FrameWriter, open_publisher
from bus.messages import CameraSpec
from capture.feed import Feed
from capture.source import Terms
from tests.capture.process import capturing, neighbour
from tests.rtsp_process import RtspProcess, rtsp_process

TERMS = Terms(open_s=5.0, stall_s=5.0)
GROWTH_KB = 12_000  # allocators keep some, and not more the longer it goes on
LATE_KB = 3_000  # in the second half of very many


def usage() -> tuple[int, int, int]:
    """Threads, file descriptors, KiB of memory."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    memory = int(status.split("VmRSS:")[1].split()[0])
    return threading.active_count(), len(os.listdir("/proc/self/fd")), memory


async def open_and_close(url: str, run_dir: Path, times: int) -> None:
    """Each time until its first frame, by TCP and UDP in turn."""
    loop = asyncio.get_running_loop()
    async with open_publisher(str(run_dir), "soak") as publisher:
        for number in range(times):
            woken = asyncio.Event()

            def changed(woken: asyncio.Event = woken) -> None:
                loop.call_soon_threadsafe(woken.set)

            spec = CameraSpec("front", f"{url}?transport={('tcp', 'udp')[number % 2]}")
            writer = FrameWriter(str(run_dir), "front", publisher, loop.call_soon_threadsafe)
            feed = Feed(spec, writer, TERMS, changed)
            feed.start()
            await until(feed, woken, lambda feed=feed: feed.newest is not None or feed.closed)
            assert feed.newest, feed.reason
            feed.stop()
            await until(feed, woken, lambda feed=feed: feed.closed)


async def until(feed: Feed, woken: asyncio.Event, is_so: object) -> None:
    assert callable(is_so)
    async with asyncio.timeout(15):
        while not is_so():
            await woken.wait()
            woken.clear()


def check(run_dir: Path, warm_up: int, times: int) -> list[int]:
    """Memory as it went, in four parts; threads and descriptors must be what they were."""
    run_dir.mkdir()
    with rtsp_process(fps=60) as camera:
        asyncio.run(open_and_close(camera.url, run_dir, warm_up))
        threads, files, memory = usage()
        grown = []
        for _ in range(4):
            asyncio.run(open_and_close(camera.url, run_dir, times // 4))
            now = usage()
            assert now[:2] == (threads, files)
            grown.append(now[2] - memory)
    assert list(run_dir.glob("*.ring")) == []
    return grown


def test_sixty_openings_leave_nothing_behind(tmp_path: Path) -> None:
    assert max(check(tmp_path / "run", 12, 60)) < GROWTH_KB


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_thousand_openings_leave_nothing_behind(tmp_path: Path) -> None:
    grown = check(tmp_path / "run", 40, 1000)
    assert max(grown) < GROWTH_KB
    assert grown[3] - grown[1] < LATE_KB


@pytest.mark.soak
def test_a_camera_frozen_for_twenty_seconds_is_live_again_without_being_asked_for(
    redis_url: str, tmp_path: Path
) -> None:
    async def scenario(cameras: dict[str, RtspProcess]) -> None:
        async with neighbour(redis_url, tmp_path / "run") as we:
            for name, camera in cameras.items():
                await we.want(name, camera.url + f"?transport={name}", idle_s=300)
            for name in cameras:
                await we.cameras.wait_live(name, 10)
            start = monotonic()
            for camera in cameras.values():
                camera.freeze()
            for name in cameras:
                await we.until(name, lambda now: now is not None and now.state == "down", 10)
            await asyncio.sleep(start + 20 - monotonic())
            for camera in cameras.values():
                camera.thaw()
            thawed = time()
            for name in cameras:
                await we.until(name, lambda now: now is not None and now.state == "live", 40)
                assert (await we.frames.newest(name, 5, after=thawed)).age_s < 1

    with (
        capturing(redis_url, tmp_path / "run"),
        rtsp_process() as tcp,
        rtsp_process() as udp,
    ):
        asyncio.run(scenario({"tcp": tcp, "udp": udp}))

"""Capture under trouble: killed, doubled, without its Redis, with a camera that hangs."""

import resource
import subprocess
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, time

import pytest

from bus import names
from bus.cameras import CameraStatus
from bus.errors import CameraError, CameraTimeout
from bus.frames import socket_dir
from bus.messages import CameraSpec, encode
from bus.subscriber import Frame
from capture.leftovers import Leftovers
from compose import valkey
from tests.capture.process import Capture, Neighbour, capturing, neighbour
from tests.conftest import Run, wait_for_redis
from tests.pictures import number_in
from tests.rtsp_server import RtspServer, serve_rtsp


def is_live(status: CameraStatus | None) -> bool:
    return status is not None and status.state == "live"


def test_a_reader_survives_the_death_of_capture_and_sees_nothing_old(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"

    async def scenario(processes: ExitStack) -> None:
        first = processes.enter_context(capturing(redis_url, run_dir))
        async with serve_rtsp() as camera, neighbour(redis_url, run_dir) as we:
            await we.want("front", camera.url)
            old = await we.cameras.wait_live("front", 10)
            assert (await we.frames.newest("front", 3)).descriptor.instance == old.instance
            first.kill()
            killed, sent = time(), camera.sent
            await we.redis.unlink(names.camera_lease("front"))  # five seconds later
            processes.enter_context(capturing(redis_url, run_dir))
            frame = await until_frame(we, after=killed)
            assert frame.descriptor.instance != old.instance
            assert number_in(frame.pixels) > sent
            assert len(list(run_dir.glob("*.ring"))) == 1  # the dead process's is gone

    with ExitStack() as processes:
        run(scenario(processes))


def owner_of(status: CameraStatus | None) -> str:
    return status.owner if status else ""


async def until_frame(we: Neighbour, after: float) -> Frame:
    """The first frame captured after *after*; until then none is to be had, not an old one."""
    while True:
        try:
            return await we.frames.newest("front", 10, after=after)
        except CameraError as error:
            assert not isinstance(error, CameraTimeout)
            await we.cameras.changed("front", 1)


def test_two_processes_never_open_the_same_camera_and_one_takes_over(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario(one: Capture, other: Capture) -> None:
        async with serve_rtsp() as camera, neighbour(redis_url, tmp_path / "run") as we:
            ids = [f"front{number}" for number in range(6)]
            for name in ids:
                await we.want(name, camera.url)
            owners = {(await we.cameras.wait_live(name, 10)).owner for name in ids}
            assert camera.watched == 6
            first = await we.cameras.wait_live("front0", 10)
            dying = one if f"-{one.process.pid}-" in first.owner else other
            left = other if dying is one else one
            dying.kill()
            for lease in map(names.camera_lease, ids):
                assert 0 < await we.redis.pttl(lease) <= 5_000
                await we.redis.pexpire(lease, 1)  # five seconds later
            await we.redis.delete(names.CAPTURES)  # as well
            again = await we.until("front0", lambda now: owner_of(now) not in (first.owner, ""))
            assert f"-{left.process.pid}-" in again.owner
            for name in ids:
                await we.until(name, is_live)
                assert (await we.frames.newest(name, 3)).age_s < 1
            assert camera.watched == 6
            assert len(owners) <= 2

    with (
        capturing(redis_url, tmp_path / "run") as one,
        capturing(redis_url, tmp_path / "run") as other,
    ):
        run(scenario(one, other))


def test_a_process_that_stops_hands_its_cameras_over_at_once(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario(processes: ExitStack) -> None:
        one = processes.enter_context(capturing(redis_url, tmp_path / "run"))
        async with serve_rtsp() as camera, neighbour(redis_url, tmp_path / "run") as we:
            await we.want("front", camera.url)
            first = await we.cameras.wait_live("front", 10)
            processes.enter_context(capturing(redis_url, tmp_path / "run"))
            while len(await we.redis.keys(names.process("capture-*"))) < 2:
                await we.cameras.changed("front", 0.1)
            start = monotonic()
            assert one.stop() < 1
            await we.until("front", lambda now: is_live(now) and owner_of(now) != first.owner)
            assert monotonic() - start < 3

    with ExitStack() as processes:
        run(scenario(processes))


@pytest.mark.parametrize("when", ["opening", "live"])
def test_a_camera_that_hangs_does_not_keep_the_process_from_stopping(
    run: Run, redis_url: str, tmp_path: Path, when: str
) -> None:
    async def scenario(capture: Capture) -> None:
        async with serve_rtsp() as camera, neighbour(redis_url, tmp_path / "run") as we:
            if when == "opening":
                camera.silent = True
                await we.want("front", camera.url)
                await we.until("front", lambda now: now is not None and now.attempts > 0)
            else:
                await we.want("front", camera.url)
                await we.cameras.wait_live("front", 10)
                camera.silent = True
            assert capture.stop() < 1.5
            assert list((tmp_path / "run").iterdir()) == []
            assert not await we.redis.keys("lookout:process:*")

    with capturing(redis_url, tmp_path / "run") as capture:
        run(scenario(capture))


def test_cameras_of_the_settings_are_there_from_the_start_and_go_with_the_setting(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario(camera: RtspServer, processes: ExitStack) -> None:
        async with neighbour(redis_url, tmp_path / "run") as we:
            await we.redis.hset(names.CAMERAS, "front", encode(CameraSpec("front", "demo:")))
            cameras = f"front={camera.url} yard=demo:?size=320x180"
            first = processes.enter_context(capturing(redis_url, tmp_path / "run", CAMERAS=cameras))
            status = await we.until("front", is_live)
            assert (status.url, status.explicit) == (camera.url, True)  # the setting wins
            await we.until("yard", is_live)
            await we.redis.hdel(names.CAMERAS, "yard")  # as somebody may who does not want it
            await we.redis.publish(names.CAMERA_COMMANDS, "yard")
            await we.until("yard", lambda now: now is None)
            first.stop()
            assert [spec.id for spec in await we.cameras.wanted()] == ["front"]
            assert 0 < await we.redis.pttl(names.camera_used("front")) <= 60_000
            await we.redis.unlink(names.camera_used("front"))  # a minute later
            processes.enter_context(capturing(redis_url, tmp_path / "run"))
            await we.until("front", lambda now: now is None)

    async def with_camera() -> None:
        async with serve_rtsp() as camera:
            with ExitStack() as processes:
                await scenario(camera, processes)

    run(with_camera())


def test_cameras_stay_open_while_redis_is_away_and_are_there_when_it_is_back(
    run: Run, tmp_path: Path
) -> None:
    redis_url = f"unix://{tmp_path / 's'}"

    def start_redis() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*valkey.command(tmp_path / "s", tmp_path, 0), "--save", "", "--appendonly", "no"]
        )
        wait_for_redis(redis_url)
        return process

    async def scenario(camera: RtspServer, redis: list["subprocess.Popen[bytes]"]) -> None:
        settings = {"CAMERAS": f"front={camera.url}"}
        with capturing(redis_url, tmp_path / "run", **settings):
            async with neighbour(redis_url, tmp_path / "run") as we:
                first = await we.until("front", is_live)
                redis[0].kill()
                redis[0].wait()
                redis[0] = start_redis()  # and it has forgotten everything
                again = await we.until("front", is_live)
                assert again.instance == first.instance
                assert camera.played == 1
                assert (await we.frames.newest("front", 3)).age_s < 0.5

    async def with_camera() -> None:
        redis = [start_redis()]
        try:
            async with serve_rtsp() as camera:
                await scenario(camera, redis)
        finally:
            redis[0].kill()
            redis[0].wait()

    run(with_camera())


def test_frames_without_room_are_said_and_not_died_of(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with neighbour(redis_url, tmp_path / "run") as we:
            await we.want("big", "demo:?size=1280x720")
            with pytest.raises(CameraError, match="its frames do not fit: File too large"):
                await we.cameras.wait_live("big", 10)
            await we.want("small", "demo:?size=320x180")
            await we.cameras.wait_live("small", 10)

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, before[1]))
    with ExitStack() as stack:
        try:
            stack.enter_context(capturing(redis_url, tmp_path / "run"))  # it inherits the limit
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        run(scenario())


def test_what_a_dead_process_left_is_removed(run: Run, redis_url: str, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"

    async def scenario(capture: Capture) -> None:
        async with neighbour(redis_url, run_dir) as we:
            await we.want("yard", "demo:?size=320x180")
            await we.cameras.wait_live("yard", 10)
            leftovers = Leftovers(we.redis, str(run_dir))
            for _ in range(3):
                await leftovers.sweep()
            assert len(files()) == 2  # a ring and a socket, in use
            capture.kill()
            await we.redis.hdel(names.CAMERAS, "yard")
            await we.redis.unlink(names.camera("yard"))  # ten seconds later
            for _ in range(2):
                await leftovers.sweep()
            assert files() == []

    def files() -> list[Path]:
        return [*run_dir.glob("*.ring"), *socket_dir(str(run_dir)).glob("*.sock")]

    with capturing(redis_url, run_dir) as capture:
        run(scenario(capture))

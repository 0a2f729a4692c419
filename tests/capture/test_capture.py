"""What the others can rely on while the capture process lives."""

import asyncio
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import monotonic, time

import pytest

from bus import names
from bus.cameras import CameraStatus
from bus.errors import CameraError, CameraStale
from bus.messages import CameraSpec, encode
from bus.ring import SLOTS
from capture.demo.render import Renderer
from capture.demo.script import scene_at
from compose.ports import free_port
from tests.capture.process import Capture, Neighbour, capturing, neighbour
from tests.conftest import Run
from tests.pictures import number_in
from tests.rtsp_server import serve_rtsp
from tests.videos import write_video


@pytest.fixture(scope="module")
def shared_capture(
    redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Capture]:
    run_dir = tmp_path_factory.mktemp("capture") / "run"
    with capturing(redis_server, run_dir, FRAMES_TCP=f"tcp://127.0.0.1:{free_port()}") as capture:
        yield capture


@pytest.fixture
def capture(shared_capture: Capture, redis_url: str) -> Capture:
    """A process that goes on from test to test; what Redis had of its cameras is gone."""
    return shared_capture


def is_live(status: CameraStatus | None) -> bool:
    return status is not None and status.state == "live"


def is_stale(status: CameraStatus | None) -> bool:
    return status is not None and status.state == "stale"


def is_down(status: CameraStatus | None) -> bool:
    return status is not None and status.state == "down"


def test_whoever_asks_gets_the_newest_frame_however_seldom(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera, neighbour(redis_url, capture.run_dir) as we:
            await we.want("front", camera.url)
            await we.cameras.wait_live("front", 10)
            first = await we.frames.newest("front", 3)
            number = number_in(first.pixels)
            for pause_s in (0.0, 0.03, 0.3, 0.9):  # in 0.9 s the ring comes round
                await asyncio.sleep(pause_s)
                newest = camera.sent
                frame = await we.frames.newest("front", 3, after=time())
                # FFmpeg gives a frame when the next one begins; then it has to come here
                assert newest <= number_in(frame.pixels) <= camera.sent
                assert frame.age_s < 0.15
            await asyncio.sleep(0.9)
            frame = await we.frames.newest("front", 3)  # which nobody has waited for
            assert number_in(frame.pixels) >= camera.sent - 2
            assert frame.descriptor.generation > first.descriptor.generation + 2 * SLOTS
            assert number_in(first.pixels) == number  # ours, not a view of the ring

    run(scenario())


def test_frames_of_a_series_are_different_and_in_order(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera, neighbour(redis_url, capture.run_dir) as we:
            await we.want("front", camera.url)
            await we.cameras.wait_live("front", 10)
            frames = await we.frames.series("front", 4, 0.9, 5)
            numbers = [number_in(frame.pixels) for frame in frames]
            assert [b - a for a, b in pairwise(numbers)] == pytest.approx([4.5] * 3, abs=2)

    run(scenario())


def test_a_camera_is_opened_once_however_many_want_it(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera, neighbour(redis_url, capture.run_dir) as we:
            await asyncio.gather(*(we.want("front", camera.url) for _ in range(40)))
            statuses = await asyncio.gather(*(we.cameras.wait_live("front", 10) for _ in range(40)))
            frames = await asyncio.gather(*(we.frames.newest("front", 5) for _ in range(40)))
            assert (camera.played, camera.watched) == (1, 1)
            assert {status.attempts for status in statuses} == {1}
            assert {frame.descriptor.instance for frame in frames} == {statuses[0].instance}

    run(scenario())


def test_a_status_says_all_there_is_to_know_but_the_password(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with (
            serve_rtsp(login="admin:secret") as camera,
            neighbour(redis_url, capture.run_dir) as we,
        ):
            await we.want("front", camera.url)
            live = await we.cameras.wait_live("front", 10)
            assert live.url == f"rtsp://***@127.0.0.1:{camera.port}/camera"
            assert (live.width, live.height, live.codec) == (320, 240, "h264")
            assert live.owner.startswith("capture-")
            assert live.endpoint.startswith("ipc://")
            assert live.since == pytest.approx(time(), abs=2)
            later = await we.until("front", lambda now: now is not None and now.fps_in > 13)
            assert later.last_frame_at > live.last_frame_at  # no event tells that
            assert 0 < await we.redis.pttl(names.camera("front")) <= 10_000
            beat = await we.redis.hgetall(names.process(live.owner))
            assert beat[b"cameras"] == b"front"

    run(scenario())
    assert "secret" not in capture.log.read_text()


def test_a_camera_that_cannot_be_opened_says_why_in_time_and_is_tried_again_when_asked(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with (
            serve_rtsp(login="admin:right") as camera,
            neighbour(redis_url, capture.run_dir) as we,
        ):
            start = monotonic()
            await we.want("front", camera.url.replace("right", "secret"))
            with pytest.raises(CameraError, match="wrong user name or password") as error:
                await we.cameras.wait_live("front", 10)
            assert monotonic() - start < 1
            down = await we.until("front", is_down)
            await we.cameras.touch("front", 60)
            with pytest.raises(CameraError, match="wrong user name or password"):
                await we.cameras.wait_live("front", 10, tried=down.attempts)
            assert 0.9 < monotonic() - start < 3  # soon, but no guessing of passwords
            texts = [str(error.value), str(await we.until("front", is_down))]
            assert "secret" not in str(texts)
            with pytest.raises(CameraError, match="down: wrong user"):
                await we.frames.newest("front", 1)

    run(scenario())
    assert "secret" not in capture.log.read_text()


def test_a_camera_that_never_answers_blocks_nobody(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with (
            serve_rtsp() as deaf,
            serve_rtsp() as camera,
            neighbour(redis_url, capture.run_dir) as we,
        ):
            deaf.silent = True
            start = monotonic()
            await we.want("deaf", deaf.url)
            await we.want("front", camera.url)
            await we.cameras.wait_live("front", 10)
            assert monotonic() - start < 1
            with pytest.raises(CameraError, match=r"gave no answer within 1 s"):
                await we.cameras.wait_live("deaf", 10)
            assert monotonic() - start < 3
            deaf.silent = False
            await we.cameras.touch("deaf", 60)
            assert (await we.until("deaf", is_live)).attempts >= 2

    run(scenario())


def test_a_camera_whose_frames_stop_is_stale_and_after_a_while_opened_anew(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with (
            serve_rtsp() as pausing,
            serve_rtsp() as stopping,
            neighbour(redis_url, capture.run_dir) as we,
        ):
            await we.want("pausing", pausing.url)
            await we.want("stopping", stopping.url)
            paused = await we.cameras.wait_live("pausing", 10)
            stopped = await we.cameras.wait_live("stopping", 10)
            pausing.silent = stopping.silent = True
            stale = await we.until("pausing", is_stale)
            assert 2.9 < time() - stale.last_frame_at < 3.5
            with pytest.raises(CameraStale):
                await we.frames.newest("pausing", 1)
            pausing.silent = False
            again = await we.until("pausing", is_live, within_s=1)
            assert again.instance == paused.instance

            down = await we.until("stopping", is_down)
            assert down.error == "gave no frame for 3.5 s"
            assert down.instance == ""
            stopping.silent = False
            await we.cameras.touch("stopping", 60)
            anew = await we.until("stopping", is_live)
            frame = await we.frames.newest("stopping", 3)
            assert stopped.instance != anew.instance == frame.descriptor.instance

    run(scenario())


def test_a_camera_that_hangs_up_is_back_in_two_seconds(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera, neighbour(redis_url, capture.run_dir) as we:
            await we.want("front", camera.url)
            first = await we.cameras.wait_live("front", 10)
            camera.hang_up()
            down = await we.until("front", is_down)
            assert down.error == "the camera ended its stream"
            again = await we.until("front", is_live, within_s=3)
            assert again.attempts == first.attempts + 1
            assert again.instance != first.instance

    run(scenario())


def test_a_camera_that_changes_its_size_goes_on_through_the_same_reader(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera, neighbour(redis_url, capture.run_dir) as we:
            await we.want("front", camera.url)
            await we.cameras.wait_live("front", 10)
            for size in ((640, 480), (320, 240)):
                camera.size = size
                status = await we.until("front", partial(_has_size, size))
                frame = await we.frames.newest("front", 3, after=time())
                assert frame.pixels.shape[:2] == size[::-1]
                assert number_in(frame.pixels) > 0
                assert frame.descriptor.instance == status.instance
                assert status.attempts == 1

    run(scenario())


def _has_size(size: tuple[int, int], status: CameraStatus | None) -> bool:
    return status is not None and (status.width, status.height) == size


def test_an_implicit_camera_closes_when_nobody_uses_it_and_opens_again(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera, neighbour(redis_url, capture.run_dir) as we:
            explicit = CameraSpec("back", camera.url, explicit=True)
            await we.redis.hset(names.CAMERAS, "back", encode(explicit))
            await we.redis.hset(names.CAMERAS, "odd", b"of some other version")
            await we.want("front", camera.url, idle_s=1)
            await we.cameras.wait_live("front", 10)
            await we.cameras.wait_live("back", 10)
            await we.cameras.touch("front", 1)
            start = monotonic()
            await we.until("front", lambda now: now is None)
            assert 0.9 < monotonic() - start < 3
            while await we.redis.exists(names.camera("front"), names.camera_lease("front")):
                await we.cameras.changed("front", 0.2)
                assert monotonic() - start < 4
            assert (await we.cameras.wait_live("back", 1)).explicit
            assert sorted(await we.redis.hkeys(names.CAMERAS)) == [b"back", b"odd"]
            await we.want("front", camera.url)
            await we.cameras.wait_live("front", 10)

    run(scenario())


def test_a_camera_that_is_removed_is_closed_at_once(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera, neighbour(redis_url, capture.run_dir) as we:
            await we.want("front", camera.url)
            await we.cameras.wait_live("front", 10)
            await we.redis.hdel(names.CAMERAS, "front")
            await we.redis.publish(names.CAMERA_COMMANDS, "front")
            start = monotonic()
            while camera.watched:
                await we.cameras.changed("front", 0.05)
                assert monotonic() - start < 1
            while list(capture.run_dir.glob("front.*")):
                await we.cameras.changed("front", 0.05)
                assert monotonic() - start < 1

    run(scenario())


def test_a_camera_whose_url_changes_is_opened_there(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with (
            serve_rtsp() as old,
            serve_rtsp(640, 480) as new,
            neighbour(redis_url, capture.run_dir) as we,
        ):
            await we.want("front", old.url)
            await we.cameras.wait_live("front", 10)
            await we.redis.hset(names.CAMERAS, "front", encode(CameraSpec("front", new.url)))
            await we.redis.publish(names.CAMERA_COMMANDS, "front")
            status = await we.until("front", partial(_has_size, (640, 480)))
            assert status.url == new.url
            assert (await we.frames.newest("front", 3)).pixels.shape == (480, 640, 3)
            assert old.watched == 0

    run(scenario())


def test_a_video_is_over_once_and_plays_again_when_asked_for(
    run: Run, capture: Capture, redis_url: str, tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mp4", range(1, 11))

    async def scenario(we: Neighbour) -> None:
        await we.want("clip", clip.as_uri())
        await we.cameras.wait_live("clip", 10)
        over = await we.until("clip", is_down)
        assert (over.error, over.attempts, over.codec) == ("the video is over", 1, "h264")
        with pytest.raises(CameraError, match="the video is over"):
            await we.frames.newest("clip", 1)
        await we.cameras.changed("clip", 2.1)  # longer than any first retry
        assert (await we.cameras.get("clip")) == over
        await we.cameras.touch("clip", 60)
        assert (await we.cameras.wait_live("clip", 10, tried=over.attempts)).attempts == 2
        frame = await we.frames.newest("clip", 3)
        assert number_in(frame.pixels) == frame.descriptor.seq

    async def with_neighbour() -> None:
        async with neighbour(redis_url, capture.run_dir) as we:
            await scenario(we)

    run(with_neighbour())


def test_a_demo_frame_tells_by_its_number_what_is_on_it(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with neighbour(redis_url, capture.run_dir) as we:
            await we.want("yard", "demo:?fps=30&size=320x180&speed=9")  # more than are published
            await we.cameras.wait_live("yard", 10)
            renderer = Renderer(320, 180)
            for _ in range(3):
                frame = await we.frames.newest("yard", 5, after=time())
                seq = frame.descriptor.seq
                expected = renderer.render(scene_at(seq / 30 * 9), seq)
                assert (frame.pixels == expected).all()

    run(scenario())


def test_a_reader_on_another_host_sees_the_same_through_the_same_class(
    run: Run, capture: Capture, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            serve_rtsp() as camera,
            neighbour(redis_url, capture.run_dir) as here,
            neighbour(redis_url, tmp_path) as there,
        ):
            await here.want("front", camera.url)
            await here.cameras.wait_live("front", 10)
            local = await here.frames.newest("front", 5, after=time())
            remote = await there.frames.newest("front", 5, after=time())
            assert (local.local, remote.local) == (True, False)
            same = remote.descriptor.seq - number_in(remote.pixels)
            assert local.descriptor.seq - number_in(local.pixels) == same
            background = remote.pixels[140:170].astype(int)  # below the number, above what moves
            assert abs(background - local.pixels[140:170]).mean() < 3
            assert remote.age_s < 0.5

    run(scenario())

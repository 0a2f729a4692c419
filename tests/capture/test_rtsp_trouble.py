"""RTSP cameras under trouble: what their owner reads of it, and that they come back."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager, suppress
from functools import partial
from random import Random
from time import monotonic, time

import pytest

from bus.cameras import CameraStatus
from bus.errors import CameraError
from bus.subscriber import Frame
from capture.health import REFUSED_MOST_S, REFUSED_S, STALE_S, again_s, backoff_s
from capture.live import SPOILT_S, Damage
from capture.reasons import Refused
from capture.source import Terms, open_source
from capture.sources.rtsp import transport_of
from tests.capture.process import Capture, Neighbour, capturing, neighbour
from tests.conftest import Run
from tests.pictures import number_in
from tests.rtsp_process import RtspProcess, rtsp_process
from tests.rtsp_server import serve_rtsp

BACK_S = 15.0  # the longest wait between two attempts so far, an attempt, and a busy machine
FROZEN_S = 6.0


@pytest.fixture(scope="module")
def shared_capture(
    redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Capture]:
    with capturing(redis_server, tmp_path_factory.mktemp("trouble") / "run") as capture:
        yield capture


@pytest.fixture
def capture(shared_capture: Capture, redis_url: str) -> Capture:
    return shared_capture


def is_in(state: str, status: CameraStatus | None) -> bool:
    return status is not None and status.state == state


async def until_frame(we: Neighbour, camera: str, after: float, within_s: float = BACK_S) -> Frame:
    """The first frame captured after *after*."""
    await we.until(camera, partial(is_in, "live"), within_s)
    return await we.frames.newest(camera, 5, after=after)


@contextmanager
def two_cameras() -> Generator[dict[str, RtspProcess]]:
    with rtsp_process() as tcp, rtsp_process() as udp:
        udp.url += "?transport=udp"
        yield {"tcp": tcp, "udp": udp}


@asynccontextmanager
async def watching(
    capture: Capture, redis_url: str, cameras: dict[str, RtspProcess]
) -> AsyncGenerator[Neighbour]:
    """All of *cameras* are live and give frames."""
    async with neighbour(redis_url, capture.run_dir) as we:
        for name, camera in cameras.items():
            await we.want(name, camera.url)
        for name in cameras:
            await we.cameras.wait_live(name, 10)
            assert number_in((await we.frames.newest(name, 5)).pixels) > 0
        yield we


def test_a_camera_that_dies_and_comes_back_is_read_again_by_tcp_and_udp(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario(cameras: dict[str, RtspProcess]) -> None:
        async with watching(capture, redis_url, cameras) as we:
            urls = {name: camera.url for name, camera in cameras.items()}
            for camera in cameras.values():
                camera.kill()
            for name in cameras:
                await we.until(name, partial(is_in, "down"), 10)
                refused = await we.until(name, partial(says, "connection refused"), 10)
                assert refused.url == urls[name]
            for camera in cameras.values():
                camera.start()
            started = time()
            for name in cameras:
                frame = await until_frame(we, name, started)
                assert frame.age_s < 1
                assert (await we.until(name, has_come_back)).reconnects == 1

    with two_cameras() as cameras:
        run(scenario(cameras))


def says(error: str, status: CameraStatus | None) -> bool:
    return status is not None and status.error == error


def has_come_back(status: CameraStatus | None) -> bool:
    return status is not None and status.reconnects > 0


def test_a_camera_that_freezes_is_stale_then_down_and_live_when_it_thaws(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario(cameras: dict[str, RtspProcess]) -> None:
        async with watching(capture, redis_url, cameras) as we:
            start = monotonic()
            for camera in cameras.values():
                camera.freeze()
            for name in cameras:
                await we.until(name, partial(is_in, "stale"), 6)
            for name in cameras:
                down = await we.until(name, partial(is_in, "down"), 6)
                assert down.error in ("gave no frame for 3.5 s", "gave no answer within 1 s")
            await asyncio.sleep(start + FROZEN_S - monotonic())
            for camera in cameras.values():
                camera.thaw()
            thawed = time()
            for name in cameras:
                assert (await until_frame(we, name, thawed)).age_s < 1

    with two_cameras() as cameras:
        run(scenario(cameras))


def test_a_camera_may_change_its_size_turn_and_come_back_with_another_codec(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario(cameras: dict[str, RtspProcess]) -> None:
        camera = cameras["front"]
        async with watching(capture, redis_url, cameras) as we:
            for width, height in ((640, 480), (480, 640), (1280, 720), (320, 240)):
                camera.turn(f"size {width}x{height}")
                status = await we.until("front", partial(has_size, width, height), 8)
                frame = await we.frames.newest("front", 5, after=time())
                assert frame.pixels.shape == (height, width, 3)
                assert number_in(frame.pixels) > 0
                assert (status.attempts, status.codec) == (1, "h264")
            camera.turn("hang-up")
            camera.turn("codec hevc")
            await we.until("front", partial(has_codec, "hevc"), BACK_S)
            frame = await until_frame(we, "front", time())
            assert number_in(frame.pixels) > 0

    with rtsp_process() as camera:
        run(scenario({"front": camera}))


def has_size(width: int, height: int, status: CameraStatus | None) -> bool:
    return status is not None and (status.width, status.height) == (width, height)


def has_codec(codec: str, status: CameraStatus | None) -> bool:
    return status is not None and status.codec == codec


def test_packets_lost_on_the_way_cost_frames_but_none_that_is_shown_is_spoilt(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario(camera: RtspProcess) -> None:
        async with watching(capture, redis_url, {"front": camera}) as we:
            numbers = list[int]()
            for loss, seconds in ((0.1, 1.2), (0, 1.2), (1, 3), (0, 2)):
                camera.turn(f"loss {loss}")
                numbers += await seen(we, seconds)
            assert numbers == sorted(numbers)
            frame = await until_frame(we, "front", time(), 8)
            assert number_in(frame.pixels) > numbers[-1]
            status = await we.until("front", partial(is_in, "live"))
            assert status.attempts == 1
            assert status.drops > 0

    with rtsp_process("640x480") as camera:
        camera.url += "?transport=udp"
        run(scenario(camera))


async def seen(we: Neighbour, seconds: float) -> list[int]:
    """The numbers of the pictures that come in so many seconds, each a whole one."""
    until, numbers = monotonic() + seconds, list[int]()
    while (left_s := until - monotonic()) > 0:
        with suppress(CameraError):  # there may be none
            frame = await we.frames.newest("front", left_s, after=time())
            numbers.append(number_in(frame.pixels))
    return numbers


@contextmanager
def deaf() -> Generator[int]:
    """A port where the packets of who connects are dropped: nobody accepts, the queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.socket()))
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(closing(socket.socket()))
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_an_address_that_swallows_everything_is_given_up_in_time_again_and_again(
    run: Run, capture: Capture, redis_url: str
) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as silent, neighbour(redis_url, capture.run_dir) as we:
            silent.silent = True
            with deaf() as port:
                await we.want("deaf", f"rtsp://u:secret@127.0.0.1:{port}/")
                await we.want("mute", silent.url)
                for name in ("deaf", "mute"):
                    down = await we.until(name, partial(is_in, "down"), 6)
                    assert down.error == "gave no answer within 1 s"
                    await we.until(name, lambda now: now is not None and now.attempts > 1, 10)
            silent.silent = False
            await until_frame(we, "mute", time())

    run(scenario())


def test_a_wrong_password_is_said_and_not_tried_over_and_over(run: Run) -> None:
    async def scenario() -> None:
        async with serve_rtsp(login="u:right") as camera:
            with pytest.raises(Refused, match="wrong user name or password"):
                await asyncio.to_thread(open_and_close, camera.url.replace("right", "secret"))
            assert camera.refused == 2  # without a password, for it must ask first, and with

    run(scenario())


def open_and_close(url: str) -> None:
    with open_source(url, Terms(open_s=2.0)):
        pass


def test_a_camera_that_refused_us_is_left_alone_for_longer_and_longer() -> None:
    dice = Random(1)
    waits = [[backoff_s(failures, dice, refused=True) for _ in range(50)] for failures in range(9)]
    assert all(REFUSED_S <= wait_s <= REFUSED_MOST_S for row in waits for wait_s in row)
    assert min(waits[8]) > 400
    asked = [again_s(failures, refused=True) for failures in range(8)]
    assert asked == [1, 1, 4, 16, 64, 256, 900, 900]  # by rules that ask all the time, too


def test_smeared_pictures_are_held_back_until_a_key_frame_or_for_less_than_makes_it_stale() -> None:
    damage = Damage(lossy=True)
    held = []
    for number in [*range(30), *range(33, 60), *range(63, 200)]:  # of 10 a second
        damage.note(number in (0, 50), number / 10, damaged=False)
        if damage.holds_back(number / 10):
            held.append(number)
    assert held[:17] == list(range(33, 50))
    assert held[17:] == list(range(63, 84))
    assert SPOILT_S < STALE_S


def test_after_a_silence_too_smeared_pictures_are_held_back_until_a_key_frame() -> None:
    damage = Damage(lossy=True)
    held = []
    for number in [*range(30), *range(90, 150)]:  # of 10 a second
        damage.note(number in (0, 100), number / 10, damaged=False)
        if damage.holds_back(number / 10):
            held.append(number)
    assert held == list(range(90, 100))


def test_a_camera_that_sends_less_often_loses_nothing() -> None:
    damage = Damage(lossy=True)
    damage.note(True, 0.0, damaged=False)
    times = [*(number / 30 for number in range(90)), *(3 + number / 10 for number in range(90))]
    held = 0
    for at_s in times:
        damage.note(False, at_s, damaged=False)
        held += damage.holds_back(at_s)
    assert held <= 10 * SPOILT_S  # until it is clear that these are no gaps


@pytest.mark.parametrize(
    ("url", "address", "transport"),
    [
        ("rtsp://h/a", "rtsp://h/a", "tcp"),
        ("rtsp://h/a?transport=udp", "rtsp://h/a", "udp"),
        ("rtsp://h/a?transport=tcp&b=%2f+%20&&c", "rtsp://h/a?b=%2f+%20&&c", "tcp"),
        ("rtsp://h/a?b=1&transport=udp&x=?&y", "rtsp://h/a?b=1&x=?&y", "udp"),
        ("rtsp://h/a?mytransport=udp", "rtsp://h/a?mytransport=udp", "tcp"),
        ("rtsp://h/a?", "rtsp://h/a?", "tcp"),
    ],
)
def test_only_our_own_parameter_is_taken_out_of_an_address(
    url: str, address: str, transport: str
) -> None:
    assert transport_of(url) == (address, transport)


def test_a_transport_there_is_not_is_said() -> None:
    with pytest.raises(CameraError, match="transport=tcp or transport=udp"):
        transport_of("rtsp://h/a?transport=multicast")

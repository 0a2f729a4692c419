"""RTSP cameras: new pictures, clear reasons, and never a password in them."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from statistics import median
from time import monotonic, sleep

import pytest

from capture.source import open_source
from tests.capture.reading import TERMS, Reading, read
from tests.conftest import Run
from tests.pictures import number_in
from tests.rtsp_server import RtspServer, serve_rtsp


async def reading(url: str, count: int = 1000) -> Reading:
    return await asyncio.to_thread(read, url, count)


def test_rtsp_pictures_arrive_in_order_and_at_once(run: Run) -> None:
    async def scenario() -> None:
        async with serve_rtsp(login="u:p") as camera:
            got = await reading(camera.url, 10)
        numbers = [number_in(one.pixels) for one in got.seen]
        assert numbers == list(range(numbers[0], numbers[0] + 10))
        assert got.seen[0].at < 0.8  # without waiting for the next key frame
        assert (got.codec, got.live, got.error) == ("h264", True, "")

    run(scenario())


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_frame_is_stamped_with_the_time_it_was_sent(run: Run, transport: str) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera:
            start = monotonic()
            got = await reading(f"{camera.url}?transport={transport}", 16)
        sent = [camera.sent_at[number_in(one.pixels)] - start for one in got.seen]
        wrong = [one.stamped - at for one, at in zip(got.seen, sent, strict=True)]
        assert median(map(abs, wrong)) < 0.03  # FFmpeg gives it an interval later: 0.067

    run(scenario())


def test_a_slow_reader_gets_new_pictures_and_not_a_growing_backlog(run: Run) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera:
            late, lost = await asyncio.to_thread(read_slowly, camera)
        assert max(late) < 20  # frames; taking five of 15 a second it would be 25 without care
        assert lost > 5  # and it is known how many it has missed

    run(scenario())


def read_slowly(camera: RtspServer) -> tuple[list[int], int]:
    """How many frames behind each picture was, taking 0.2 s for each for 2.5 s, and the lost."""
    late, lost = list[int](), 0
    until = monotonic() + 2.5
    with open_source(camera.url, TERMS) as source:
        for shot in source.frames(lambda: True):
            lost += shot.lost
            if shot.pixels:
                late.append(camera.sent - number_in(shot.pixels()))
                sleep(0.2)
            if monotonic() > until:
                return late, lost
    raise AssertionError("the camera went away")


def test_a_camera_may_change_its_size(run: Run) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera:
            asyncio.get_running_loop().call_later(0.4, setattr, camera, "size", (640, 480))
            got = await reading(camera.url, 15)
        assert [one.pixels.shape for one in (got.seen[0], got.seen[-1])] == [
            (240, 320, 3),
            (480, 640, 3),
        ]
        numbers = [number_in(one.pixels) for one in got.seen]
        assert numbers == sorted(numbers)

    run(scenario())


def test_a_camera_that_falls_silent_is_given_up_in_time(run: Run) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera:
            asyncio.get_running_loop().call_later(0.5, setattr, camera, "silent", True)
            got = await reading(camera.url)
        assert got.error == "gave no frame for 1 s"
        assert got.took_s < 2
        assert got.seen[-1].stamped < 0.8  # no picture from before is passed off as new

    run(scenario())


def test_a_camera_that_hangs_up_ends_its_frames(run: Run) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera:
            asyncio.get_running_loop().call_later(0.6, camera.hang_up)
            got = await reading(camera.url)
        assert got.live
        assert got.took_s < 1.2

    run(scenario())


@asynccontextmanager
async def unreachable() -> AsyncGenerator[int]:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_what_is_wrong_is_said_in_plain_words(run: Run) -> None:
    async def scenario() -> None:
        async with (
            serve_rtsp(login="u:right") as camera,
            serve_rtsp() as silent,
            unreachable() as port,
        ):
            silent.silent = True
            expected = {
                silent.url.replace("//", "//u:secret@"): "gave no answer within 1 s",
                camera.url.replace("right", "secret"): "wrong user name or password",
                f"rtsp://u:secret@127.0.0.1:{port}/": "connection refused",
                f"rtsps://u:secret@127.0.0.1:{port}/?transport=udp": "connection refused",
                "rtsp://u:secret@no-such-host.invalid/": "there is no host no-such-host.invalid",
            }
            start = monotonic()
            got = await asyncio.gather(*map(reading, expected))
            assert monotonic() - start < 2
        assert [one.error for one in got] == list(expected.values())

    run(scenario())

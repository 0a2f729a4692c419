"""Network cameras: new pictures, clear reasons, and never a password in them."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest

from bus.jpeg import encode_jpeg
from capture.source import open_source
from tests.capture.reading import TERMS, Reading, pictures, read
from tests.conftest import Run
from tests.http_server import HttpServer, serve_http
from tests.pictures import number_in, numbered
from tests.rtsp_server import RtspServer, serve_rtsp
from tests.videos import write_video


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


def test_a_slow_reader_gets_new_pictures_and_not_a_growing_backlog(run: Run) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera:
            late = await asyncio.to_thread(read_slowly, camera)
        assert max(late) < 20  # frames; taking five of 15 a second it would be 25 without care

    run(scenario())


def read_slowly(camera: RtspServer) -> list[int]:
    """How many frames behind each picture was, taking 0.2 s for each, for 2.5 s."""
    late = []
    until = monotonic() + 2.5
    with open_source(camera.url, TERMS) as source:
        for _, pixels in pictures(source):
            late.append(camera.sent - number_in(pixels))
            sleep(0.2)
            if monotonic() > until:
                return late
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


def test_what_is_wrong_is_said_in_plain_words(run: Run, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>" * 100)
    (tmp_path / "one.jpg").write_bytes(encode_jpeg(numbered(1)))

    async def scenario() -> None:
        async with (
            serve_rtsp(login="u:right") as camera,
            serve_rtsp() as silent,
            serve_http(tmp_path) as http,
            unreachable() as port,
        ):
            silent.silent = True
            expected = {
                silent.url.replace("//", "//u:secret@"): "gave no answer within 1 s",
                camera.url.replace("right", "secret"): "wrong user name or password",
                f"rtsp://u:secret@127.0.0.1:{port}/": "connection refused",
                "rtsp://u:secret@no-such-host.invalid/": "there is no host no-such-host.invalid",
                http.url("page.html", "u:secret"): "not a video or picture",
                http.url("one.jpg", "u:secret"): "a single picture, not a video",
                http.url("nothing", "u:secret"): "the camera has no such path",
                http.url("locked", "u:secret"): "wrong user name or password",
                http.url("silent", "u:secret"): "gave no answer within 1 s",
            }
            start = monotonic()
            got = await asyncio.gather(*map(reading, expected))
            assert monotonic() - start < 2
        assert [one.error for one in got] == list(expected.values())

    run(scenario())


def test_mjpeg_over_http_is_a_camera(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve_http(tmp_path) as http:
            got, late = await asyncio.to_thread(read_mjpeg, http)
        assert (got.codec, got.live) == ("mjpeg", True)
        assert max(late) <= 1

    run(scenario())


def read_mjpeg(http: HttpServer) -> tuple[Reading, list[int]]:
    late = []
    with open_source(http.url("live.mjpeg"), TERMS) as source:
        for (_, pixels), _ in zip(pictures(source), range(8), strict=False):
            late.append(http.sent - number_in(pixels))
    return read(http.url("live.mjpeg"), 1), late


@pytest.mark.parametrize("name", ["clip.mp4", "clip.ts"])
def test_a_video_over_http_plays_at_its_own_speed_and_ends(
    run: Run, tmp_path: Path, name: str
) -> None:
    write_video(tmp_path / name, range(1, 9))

    async def scenario() -> None:
        async with serve_http(tmp_path) as http:
            got = await reading(http.url(name))
        assert [number_in(one.pixels) for one in got.seen] == list(range(1, 9))
        assert not got.live
        assert 0.5 < got.took_s < 0.9

    run(scenario())

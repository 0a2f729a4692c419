"""Cameras in a browser: moving pictures, what is written on them, and who leaves when."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from time import time

import av
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from redis import Redis

from api.painting import Look
from api.screens import Picture, Screens, Sources
from bus import names
from bus.answers import Answers
from bus.cameras import Cameras
from bus.errors import Overloaded, UnknownCamera
from bus.messages import decode_answered
from bus.redis import open_redis
from bus.standings import Standings
from bus.subscriber import open_subscriber
from bus.tasks import background
from compose.ports import free_port
from tests.api.asking import BLUE, RED, ask, file_of, image, is_near, refused, said, solid
from tests.api.mjpeg import watching
from tests.api.test_alone import wait_until_live
from tests.conftest import Run
from tests.stack import Stack
from tests.waiting import until

ROOT = Path(__file__).parents[2]


def picture(jpeg: bytes) -> NDArray[np.int16]:
    with Image.open(BytesIO(jpeg)) as opened:
        return np.asarray(opened.convert("RGB"), np.int16)


def differs(one: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
    return bool((np.abs(one - other).max(axis=2) > 60).sum() > 50)


@pytest.fixture
def still(lookout: httpx.Client, echo_stack_media: Path) -> Iterator[str]:
    """A camera that shows one red picture."""
    file = echo_stack_media / "still-preview.png"
    file.write_bytes(file_of(solid(RED, 640, 360)))
    lookout.post("/v1/cameras", json={"id": "wall", "url": f"file://{file}"}).raise_for_status()
    until(lambda: lookout.get("/v1/cameras/wall").json()["state"] == "live")
    yield "wall"
    lookout.delete("/v1/cameras/wall")


def test_parts_are_whole_pictures_in_order_each_with_its_frame(lookout: httpx.Client) -> None:
    with watching(lookout, "demo", fps=30, width=320) as parts:
        seen = [next(parts) for _ in range(5)]
    assert [part.size for part in seen] == [(320, 180)] * 5
    numbers = [part.seq for part in seen]
    assert numbers == sorted(set(numbers))
    captured = datetime.fromisoformat(seen[-1].headers["x-frame-captured-at"])
    assert time() - captured.timestamp() < 5


def test_fps_is_a_limit(lookout: httpx.Client) -> None:
    with watching(lookout, "demo", fps=4) as parts:
        seen = [next(parts) for _ in range(5)]
    assert seen[-1].at - seen[1].at > 3 / 4 - 0.2
    assert seen[-1].size == (1280, 720)


def test_a_picture_is_never_larger_than_the_cameras(lookout: httpx.Client, still: str) -> None:
    with watching(lookout, still, width=1920) as parts:
        assert next(parts).size == (640, 360)
    for width, size in ((7000, (640, 360)), (320, (320, 180)), (64, (64, 36))):
        jpeg = lookout.get(f"/v1/cameras/{still}/frame.jpg", params={"width": width}).content
        assert picture(jpeg).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("path", ["preview.mjpeg", "frame.jpg"])
@pytest.mark.parametrize(
    ("query", "param"),
    [
        *(("width=63", "width"), ("width=7681", "width"), ("width=wide", "width")),
        *(("width=", "width"), ("width=1.5", "width"), ("overlay=perhaps", "overlay")),
        *(("fps=0.1", "fps"), ("fps=31", "fps"), ("fps=nan", "fps"), ("fps=-1", "fps")),
    ],
)
def test_a_bad_query_is_refused_by_name(
    lookout: httpx.Client, path: str, query: str, param: str
) -> None:
    if (path, param) != ("frame.jpg", "fps"):
        answer = lookout.get(f"/v1/cameras/demo/{path}?{query}")
        assert param in refused(answer, 400, "bad_request", param)


@pytest.mark.parametrize("camera", ["attic", "..", "a" * 300, "a%2Fb", "é"])
def test_a_camera_that_is_not_there_is_not_found(lookout: httpx.Client, camera: str) -> None:
    answer = lookout.get(f"/v1/cameras/{camera}/preview.mjpeg")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] in ("camera_not_found", "not_found")


def test_a_camera_that_cannot_be_opened_is_an_error_with_its_status(lookout: httpx.Client) -> None:
    dead = {"id": "dead", "url": f"rtsp://127.0.0.1:{free_port()}/s"}
    lookout.post("/v1/cameras", json=dead).raise_for_status()
    until(lambda: lookout.get("/v1/cameras/dead").json()["state"] == "down")
    answer = lookout.get("/v1/cameras/dead/preview.mjpeg")
    assert "refused" in refused(answer, 502, "camera_error")
    assert lookout.head("/v1/cameras/dead/preview.mjpeg").status_code == 502
    lookout.delete("/v1/cameras/dead")


def test_who_asks_for_the_head_gets_only_that(lookout: httpx.Client) -> None:
    answer = lookout.head("/v1/cameras/demo/preview.mjpeg")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
    assert answer.headers["cache-control"] == "no-store"
    answer = lookout.head("/v1/cameras/demo/frame.jpg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert int(answer.headers["content-length"]) > 1000


def test_a_player_reads_it(echo_stack: Stack) -> None:
    url = f"{echo_stack.url}/api/v1/cameras/demo/preview.mjpeg?fps=15&width=640"
    with av.open(url) as container:
        frames = container.decode(video=0)
        sizes = [(frame.width, frame.height) for frame, _ in zip(frames, range(3), strict=False)]
    assert sizes == [(640, 360)] * 3


def test_a_lost_camera_is_a_picture_that_says_so_until_it_is_back(
    lookout: httpx.Client, still: str, echo_stack_media: Path
) -> None:
    blue = echo_stack_media / "blue-preview.png"
    blue.write_bytes(file_of(solid(BLUE, 640, 360)))
    with watching(lookout, still, fps=10) as parts:
        assert is_near(next(parts).colour, RED, within=6)
        lookout.patch(f"/v1/cameras/{still}", json={"url": f"file://{blue}.not"})
        card = next(part for part in parts if "x-camera-error" in part.headers)
        assert card.size == (640, 360)
        assert not is_near(card.colour, RED, within=60)
        lookout.patch(f"/v1/cameras/{still}", json={"url": f"file://{blue}"})
        back = next(part for part in parts if "x-camera-error" not in part.headers)
        assert is_near(back.colour, BLUE, within=6)


def test_what_was_asked_last_stands_on_the_picture(
    lookout: httpx.Client, echo_stack: Stack, still: str
) -> None:
    """Streamed or in one piece, it is announced; and drawn only for who wants it."""
    path, bare = f"/v1/cameras/{still}/frame.jpg", (180, 45)  # rows of a picture, and of its text
    without = picture(lookout.get(path).content)
    named = picture(lookout.get(path, params={"overlay": 1}).content)
    assert differs(named[: bare[1]], without[: bare[1]])
    assert not differs(named[bare[1] :], without[bare[1] :])
    with Redis.from_url(echo_stack.redis_url) as redis, redis.pubsub() as channel:
        channel.subscribe(names.ANSWERS)
        until(lambda: channel.get_message(timeout=1.0))
        for stream in (False, True):
            question = f"Что на стене? {'streamed' if stream else 'whole'}"
            text = {"type": "text", "text": question}
            answer = ask(lookout, text, image(still), stream=stream)
            told = decode_answered(until(lambda: channel.get_message(True, timeout=1.0))["data"])
            assert (told.camera, told.question) == (still, question)
            assert told.answer.startswith(question)
            assert "[image 1: 640x360" in told.answer
            assert stream or told.answer == said(answer)
            assert abs(told.at - time()) < 10
            key = names.answer(still)
            assert decode_answered(redis.get(key)) == told
            assert 0 < redis.pttl(key) <= 600_000

            def shows() -> bool:
                seen = picture(lookout.get(path, params={"overlay": 1}).content)
                return differs(seen[bare[0] :], without[bare[0] :])

            until(shows)
        ask(lookout, "no camera here")
        ask(lookout, {"type": "text", "text": "the last one"}, image(still))
        news = until(lambda: channel.get_message(True, timeout=1.0))
        assert decode_answered(news["data"]).question == "the last one"
    assert not differs(picture(lookout.get(path).content), without)


@asynccontextmanager
async def screening(stack: Stack, most: int = 100) -> AsyncGenerator[Screens]:
    """What the api has, in the test's own process, on the cameras of *stack*."""
    async with open_redis(stack.redis_url) as redis:
        cameras, answers = Cameras(redis), Answers(redis)
        run_dir = str(stack.folder / "run")
        with open_subscriber(cameras, run_dir) as frames:
            async with background(cameras.run(), answers.run()):
                yield Screens(Sources(frames, cameras, answers, Standings(redis), 20.0, 60.0), most)


def test_a_picture_is_made_once_for_all_who_look(run: Run, echo_stack: Stack) -> None:
    async def watch(screens: Screens, look: Look, count: int) -> list[Picture]:
        with screens.open(look) as screen:
            seen = [await screen.first()]
            for _ in range(count - 1):
                seen.append(await screen.next(seen[-1]))
            return seen

    async def scenario() -> None:
        async with screening(echo_stack) as screens:
            look = Look("demo", 320, overlay=True)
            with screens.open(look) as screen:
                everybody = await asyncio.gather(*(watch(screens, look, 5) for _ in range(20)))
                assert screen.made < 12
            for seen in everybody:
                assert len({id(picture) for picture in seen}) == 5
                assert [p.made for p in seen] == sorted(p.made for p in seen)
            small, plain = await asyncio.gather(
                watch(screens, Look("demo", 160, overlay=True), 1),
                watch(screens, Look("demo", 320, overlay=False), 1),
            )
            assert picture(small[0].jpeg).shape == (90, 160, 3)
            assert picture(plain[0].jpeg).shape == (180, 320, 3)

    run(scenario())


def test_nothing_runs_while_nobody_looks(run: Run, echo_stack: Stack) -> None:
    async def watch(screens: Screens, number: int, started: asyncio.Event) -> None:
        with screens.open(Look("demo", 64 + number % 3, overlay=False)) as screen:
            seen = await screen.first()
            started.set()
            while True:
                seen = await screen.next(seen)

    async def scenario() -> None:
        async with screening(echo_stack) as screens:
            before = asyncio.all_tasks()
            events = [asyncio.Event() for _ in range(9)]
            viewers = [
                asyncio.create_task(watch(screens, number, event))
                for number, event in enumerate(events)
            ]
            await asyncio.gather(*(event.wait() for event in events))
            assert (len(screens.open_now), screens.viewers) == (3, 9)
            for viewer in viewers:
                viewer.cancel()
            await asyncio.gather(*viewers, return_exceptions=True)
            assert (screens.open_now, screens.viewers) == ({}, 0)
            left = asyncio.all_tasks() - before - set(viewers)
            await asyncio.gather(*left, return_exceptions=True)  # each has been told to end
            unknown = Look("attic", 64, overlay=False)
            with pytest.raises(UnknownCamera), screens.open(unknown) as screen:
                await screen.first()
            assert screens.open_now == {}

    run(scenario())


def test_there_are_only_so_many_at_once(run: Run, echo_stack: Stack) -> None:
    async def scenario() -> None:
        async with screening(echo_stack, most=2) as screens:
            with ExitStack() as two:
                for width in (64, 100):
                    two.enter_context(screens.open(Look("demo", width, overlay=False)))
                with pytest.raises(Overloaded, match="LOOKOUT_MAX_PREVIEWS"):
                    two.enter_context(screens.open(Look("demo", 64, overlay=False)))
            with screens.open(Look("demo", 64, overlay=False)) as screen:
                await screen.first()

    run(scenario())


@dataclass
class Second:
    """Another api process on the cameras of a stack."""

    process: "subprocess.Popen[bytes]"
    http: httpx.Client
    port: int
    log: Path

    def connect(self, query: str = "", window: int = 0) -> socket.socket:
        """A client that has asked for moving pictures, and has read nothing yet."""
        client = socket.socket()
        if window:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        client.settimeout(10)
        client.connect(("127.0.0.1", self.port))
        path = f"/v1/cameras/demo/preview.mjpeg?{query}"
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return client


@contextmanager
def second_api(stack: Stack, folder: Path, **settings: str) -> Iterator[Second]:
    port = free_port()
    env = {
        "REDIS_URL": stack.redis_url,
        "LOOKOUT_RUN_DIR": str(stack.folder / "run"),
        "LOOKOUT_PORT": str(port),
        **settings,
    }
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "api"], env={**os.environ, **env}, cwd=ROOT, stderr=log
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as http,
    ):
        try:
            wait_until_live(http)
            yield Second(process, http, port, folder / "log")
        finally:
            process.kill()


def test_who_leaves_makes_room_and_an_open_picture_does_not_hold_up_the_end(
    echo_stack: Stack, tmp_path: Path
) -> None:
    with (
        second_api(echo_stack, tmp_path, LOOKOUT_MAX_PREVIEWS="2") as api,
        ThreadPoolExecutor() as pool,
    ):
        first, other = api.connect("fps=0.2"), api.connect("fps=30")
        for client in (first, other):
            assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
        url = "/v1/cameras/demo/preview.mjpeg"
        refused(api.http.get(url), 429, "overloaded")
        first.close()
        until(lambda: api.http.head(url).status_code == 200, within_s=5)

        def read_to_the_end() -> bytes:
            last = b""
            while data := other.recv(65536):
                last = (last + data)[-100:]
            return last

        reading = pool.submit(read_to_the_end)
        stuck = api.connect("fps=30", window=4096)
        assert stuck.recv(100).startswith(b"HTTP/1.1 200 OK")
        api.process.send_signal(signal.SIGTERM)
        assert reading.result(10).endswith(b"\r\n--frame\r\n\r\n0\r\n\r\n")
        assert api.process.wait(6) == 0
        stuck.close()
        other.close()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_slow_client_gets_new_pictures_and_slows_nobody(
    echo_stack: Stack, lookout: httpx.Client
) -> None:
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(10)
        slow.connect(echo_stack.address)
        slow.sendall(b"GET /v1/cameras/demo/preview.mjpeg?fps=30 HTTP/1.0\r\n\r\n")
        began = slow.recv(1000)
        with watching(lookout, "demo", fps=30) as parts:
            passing = [next(parts) for _ in range(31)]  # about two seconds of frames
        newest = passing[-1].seq
        with slow.makefile("rb") as file:
            data = began
            while data.count(b"x-frame-seq: ") < 6:
                data += file.read1(65536)
    numbers = [int(piece.split(b"\r\n")[0]) for piece in data.split(b"x-frame-seq: ")[1:]]
    assert numbers == sorted(set(numbers))
    old = [number for number in numbers if number < newest]
    assert len(old) <= 4  # one on its way, one in the kernel, one in our buffer, one half sent
    assert passing[-1].at - passing[0].at < 2 * 30 / 15 + 1

"""What players see while the preview process lives."""

import asyncio
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic, time

import av
import numpy as np
import pytest
from PIL import Image

from bus import names
from bus.cameras import CameraStatus
from bus.messages import Answered, CameraSpec, encode
from compose.ports import free_port
from tests.capture.process import Capture, Neighbour, capturing, neighbour
from tests.conftest import Run
from tests.pictures import BACKGROUND, Pixels, number_in, numbered
from tests.preview.player import Player, connected
from tests.preview.process import ROOT, Preview, previewing
from tests.rtsp_server import serve_rtsp
from tests.videos import write_video

# Without the last two FFmpeg looks at two seconds before it shows anything.
OPTIONS = {"rtsp_transport": "tcp", "analyzeduration": "0", "probesize": "32"}


@dataclass
class Both:
    capture: Capture
    preview: Preview


@pytest.fixture(scope="module")
def shared(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    run_dir = tmp_path_factory.mktemp("preview") / "run"
    with ExitStack() as stack:
        capture = stack.enter_context(capturing(redis_server, run_dir))
        preview = stack.enter_context(previewing(redis_server, run_dir))
        yield Both(capture, preview)


@pytest.fixture
def both(shared: Both, redis_url: str) -> Both:
    """Processes that go on from test to test; what Redis had of their cameras is gone."""
    return shared


@dataclass(frozen=True)
class Seen:
    at: float  # monotonic
    time_s: float  # as the stream says
    pixels: Pixels


def seen_now(frame: av.VideoFrame) -> Seen:
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    return Seen(monotonic(), float(frame.time or 0), pixels)


def watch(url: str, count: int, transport: str = "tcp") -> list[Seen]:
    """The first *count* pictures that an ordinary player gets."""
    options = {**OPTIONS, "rtsp_transport": transport}
    seen = list[Seen]()
    with av.open(url, options=options, timeout=(10, 10)) as container:
        container.streams.video[0].codec_context.thread_type = "SLICE"
        for frame in container.decode(video=0):
            seen.append(seen_now(frame))
            if len(seen) == count:
                break
    return seen


async def watching(url: str, count: int, transport: str = "tcp") -> list[Seen]:
    return await asyncio.to_thread(watch, url, count, transport)


def inner(pixels: Pixels) -> Pixels:
    """Of a canvas of 640x360 the part where a picture of 4:3 lies."""
    return pixels[:, 80:560]


def test_a_camera_is_seen_by_tcp_and_udp_at_the_same_time_whole_and_in_its_colours(
    run: Run, both: Both, redis_url: str
) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera, neighbour(redis_url, both.capture.run_dir) as we:
            await we.want("front", camera.url)
            await we.cameras.wait_live("front", 10)
            url = both.preview.url("front")
            by_way = await asyncio.gather(watching(url, 30), watching(url, 30, "udp"))
            for seen in by_way:
                assert seen[0].pixels.shape == (360, 640, 3)
                assert seen[0].pixels[200:, :70].max() < 40  # the bars beside it
                colour = inner(seen[5].pixels)[250, 400].astype(int)
                assert abs(colour - BACKGROUND).max() < 12
                numbers = [number_in(inner(one.pixels)) for one in seen]
                assert numbers == sorted(numbers)
                assert numbers[-1] - numbers[0] == pytest.approx(29, abs=4)
                took_s = seen[-1].time_s - seen[5].time_s
                assert took_s == pytest.approx((numbers[-1] - numbers[5]) / 15, abs=0.25)
                assert camera.sent - numbers[-1] < 15 * 3

    run(scenario())


def test_the_time_in_the_packets_is_that_of_the_camera_even_when_it_stutters(
    run: Run, both: Both, redis_url: str
) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera, neighbour(redis_url, both.capture.run_dir) as we:
            await we.want("front", camera.url)
            await we.cameras.wait_live("front", 10)
            async with connected(both.preview.url("front")) as player:
                await player.play()
                await player.until(lambda: len(player.pictures) >= 15)
                camera.silent = True
                await player.until(lambda: len(player.pictures) >= 18)  # it holds the last one
                camera.silent = False
                await player.until(lambda: len(player.pictures) >= 40 and len(player.reports) > 0)
            pictures = player.pictures[2:]
            steps = [
                ((b.timestamp - a.timestamp) & 0xFFFFFFFF) / 90_000 for a, b in pairwise(pictures)
            ]
            assert min(steps) > 0
            assert sum(steps) == pytest.approx(pictures[-1].at - pictures[0].at, abs=0.3)
            seconds, fraction, rtp = struct.unpack_from("!III", player.reports[0], 8)
            told_at = seconds + fraction / 2**32 - 2_208_988_800
            since_s = (pictures[-1].timestamp - rtp & 0xFFFFFFFF) / 90_000
            late_s = time() - (monotonic() - pictures[-1].at) - (told_at + since_s)
            assert 0 <= late_s < 1  # wall clock, from capture to here

    run(scenario())


def test_a_camera_may_have_any_shape_and_change_it(
    run: Run, both: Both, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        wide = write_video(tmp_path / "wide.mp4", [7] * 30, size=(640, 160))
        tall = write_video(tmp_path / "tall.mp4", [8] * 30, size=(200, 400))
        async with neighbour(redis_url, both.capture.run_dir) as we:
            await we.want("wide", f"{wide.as_uri()}?loop=1")
            await we.want("tall", f"{tall.as_uri()}?loop=1")
            (*_, one), (*_, other) = await asyncio.gather(
                watching(both.preview.url("wide"), 12), watching(both.preview.url("tall"), 12)
            )
            assert number_in(one.pixels[100:260]) == 7
            assert one.pixels[275:].max() < 40
            assert number_in(other.pixels[:, 230:410]) == 8
            assert other.pixels[100:, :220].max() < 40

    run(scenario())


def is_live(status: CameraStatus | None) -> bool:
    return status is not None and status.state == "live"


async def says(we: Neighbour, camera: str, question: str, answer: str) -> None:
    await we.redis.publish(names.ANSWERS, encode(Answered(camera, question, answer, time())))


def lit(pixels: Pixels) -> int:
    """How many pixels of the lower part are letters."""
    return int((pixels[300:].min(axis=2) > 200).sum())


def test_out_is_a_card_until_a_camera_is_asked_and_then_that_camera_with_the_answer(
    run: Run, both: Both, redis_url: str
) -> None:
    async def scenario() -> None:
        async with (
            serve_rtsp() as camera,
            neighbour(redis_url, both.capture.run_dir) as we,
            connected(both.preview.url("out")) as player,
        ):
            (*_, idle) = await watching(both.preview.url("out"), 4)
            assert idle.pixels.std() < 30
            assert (idle.pixels.max(axis=2) > 200).any()  # something is written there
            await player.play()
            await we.want("front", camera.url)
            await we.cameras.wait_live("front", 10)
            await says(we, "front", "Is the gate open?", "It is closed.")
            (*_, asked) = await watching(both.preview.url("out"), 12)
            assert number_in(inner(asked.pixels)) > 0
            assert lit(asked.pixels) > 60
            assert not player.over  # one stream all the while
            assert (both.preview.heartbeat())["paths"] == "out"

    run(scenario())


def test_what_was_said_before_the_preview_started_is_known_to_it(
    run: Run, both: Both, redis_url: str
) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera, neighbour(redis_url, both.capture.run_dir) as we:
            await we.want("front", camera.url)
            await we.cameras.wait_live("front", 10)
            for name, ago_s in (("back", 5), ("front", 0), ("side", 9)):
                await we.redis.hsetnx(names.CAMERAS, name, encode(CameraSpec(name, camera.url)))
                said = Answered(name, "What?", "That.", time() - ago_s)
                await we.redis.set(names.answer(name), encode(said))
            await we.redis.set(names.answer("back"), b"of some other version")
            with previewing(redis_url, both.capture.run_dir) as preview:
                (*_, out) = await watching(preview.url("out"), 12)
            assert lit(out.pixels) > 60
            assert number_in(inner(out.pixels)) > 0

    run(scenario())


def test_a_camera_that_is_lost_is_seen_dimmed_and_comes_back_without_a_break(
    run: Run, both: Both, redis_url: str
) -> None:
    async def scenario() -> None:
        seen = list[Seen]()
        async with neighbour(redis_url, both.capture.run_dir) as we:
            port = free_port()
            await we.want("front", f"rtsp://127.0.0.1:{port}/camera")
            async with watched(both.preview.url("front"), seen):
                await lose_and_find(we, port, seen)
        assert all(one.pixels.shape == (360, 640, 3) for one in seen)
        assert max(b.at - a.at for a, b in pairwise(seen)) < 1.5

    async def lose_and_find(we: Neighbour, port: int, seen: list[Seen]) -> None:
        async with serve_rtsp(port=port):
            await we.cameras.touch("front", 60)
            await until(lambda: 90 < light(seen) < 110)
            await until(lambda: number_in(inner(seen[-1].pixels)) > 20)
        await until(lambda: 25 < light(seen) < 45)  # nobody listens there any more
        async with serve_rtsp(port=port):
            await we.cameras.touch("front", 60)
            await until(lambda: 90 < light(seen) < 110)
            assert number_in(inner(seen[-1].pixels)) < 20  # a new camera counts from one

    run(scenario())


def light(seen: list[Seen]) -> float:
    """Of the background of a numbered picture; 100 in daylight."""
    return float(seen[-1].pixels[250, 400].mean()) if seen else 0.0


@asynccontextmanager
async def watched(url: str, seen: list[Seen]) -> AsyncGenerator[None]:
    """An ordinary player fills *seen*; its stream must not end."""
    stop = threading.Event()
    player = asyncio.create_task(asyncio.to_thread(collect, url, seen, stop))
    try:
        yield
    finally:
        stop.set()
        assert await player == ""


def collect(url: str, seen: list[Seen], stop: threading.Event) -> str:
    """Watch until *stop*; why it ended before, if it did."""
    try:
        with av.open(url, options=OPTIONS, timeout=(10, 10)) as container:
            for frame in container.decode(video=0):
                seen.append(seen_now(frame))
                if stop.is_set():
                    return ""
    except av.error.FFmpegError as error:
        return str(error)
    return "the stream ended"


async def until(is_so: Callable[[], bool], within_s: float = 15.0) -> None:
    """Of what happens in another thread or process."""
    async with asyncio.timeout(within_s):
        while not is_so():
            await asyncio.sleep(0.02)


def test_a_camera_that_never_opens_or_is_removed_shows_a_card_that_says_so(
    run: Run, both: Both, redis_url: str
) -> None:
    async def scenario() -> None:
        async with neighbour(redis_url, both.capture.run_dir) as we:
            await we.want("front", f"rtsp://127.0.0.1:{free_port()}/nothing")
            (*_, card) = await watching(both.preview.url("front"), 4)
            assert (card.pixels.max(axis=2) > 200).any()
            async with connected(both.preview.url("front")) as player:
                await player.play()
                await we.cameras.remove("front")
                before = len(player.pictures)
                await player.until(lambda: len(player.pictures) > before + 5)
            async with connected(both.preview.url("front")) as late:
                assert await late.status("DESCRIBE") == 404

    run(scenario())


def test_one_encoder_serves_all_who_watch_a_path(run: Run, both: Both, redis_url: str) -> None:
    async def scenario() -> None:
        async with neighbour(redis_url, both.capture.run_dir) as we:
            await we.want("yard", "demo:?size=640x360")
            await we.until("yard", is_live)
            url = both.preview.url("yard")
            async with AsyncExitStack() as stack:
                opened = [connected(url) for _ in range(8)]
                players = [await stack.enter_async_context(one) for one in opened]
                for player in players:
                    await player.play()
                await until(lambda: both.preview.heartbeat().get("connections") == "8")
                start, before = monotonic(), int(both.preview.heartbeat()["encoded"])
                await asyncio.gather(*(more(player, 25) for player in players))
                encoded = int(both.preview.heartbeat()["encoded"]) - before
                took_s = monotonic() - start
                assert both.preview.heartbeat().get("paths") == "yard"
                assert encoded < 15 * (took_s + 2) + 5  # not eight times as many
            await until(lambda: both.preview.heartbeat().get("paths") == "")

    async def more(player: Player, count: int) -> None:
        wanted = len(player.pictures) + count
        await player.until(lambda: len(player.pictures) >= wanted)

    run(scenario())


def test_a_player_that_does_not_read_costs_the_others_nothing(
    run: Run, both: Both, redis_url: str
) -> None:
    async def scenario() -> None:
        async with neighbour(redis_url, both.capture.run_dir) as we:
            await we.want("yard", "demo:?size=640x360")
            await we.until("yard", is_live)
            with previewing(
                redis_url, both.capture.run_dir, PREVIEW_SIZE="1280x720", PREVIEW_KBPS="60000"
            ) as preview:
                async with (
                    connected(preview.url("yard"), receive_bytes=4096) as slow,
                    connected(preview.url("yard")) as fast,
                ):
                    await slow.play()
                    await fast.play()
                    await fast.until(lambda: sent_to(fast) > 4_000_000, 20)
                    before = len(slow.pictures)
                    assert len(fast.pictures) > before
                    fast.writer.close()  # and now the slow one reads
                    await slow.until(lambda: len(slow.pictures) > before + 20)
                    sequences = [packet.sequence for packet in slow.video]
                    assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(sequences))
                preview.stop()
                assert re.search(r"shown=\d+ missed=[1-9]", preview.log.read_text())

    def sent_to(player: Player) -> int:
        return sum(len(packet.payload) for packet in player.video)

    run(scenario())


def test_players_that_come_and_go_leave_nothing_behind(
    run: Run, both: Both, redis_url: str, tmp_path: Path
) -> None:
    cameras = [f"cam{number}" for number in range(6)]  # the others come to an end meanwhile

    async def visit(number: int) -> None:
        url = both.preview.url(cameras[number % len(cameras)])
        async with connected(url) as player:
            await player.play()
            await player.until(lambda: len(player.pictures) >= 1)
            if number % 3:  # the others vanish
                await player.status("TEARDOWN")

    async def quiet() -> tuple[int, int]:
        await until(lambda: both.preview.heartbeat().get("connections") == "0")
        await until(lambda: both.preview.heartbeat().get("paths") == "")
        return both.preview.descriptors(), both.preview.threads()

    async def scenario() -> None:
        Image.fromarray(numbered(5, 640, 360)).save(tmp_path / "a.png")
        async with neighbour(redis_url, both.capture.run_dir) as we:
            for camera in cameras:
                await we.want(camera, (tmp_path / "a.png").as_uri())
            for camera in cameras:
                await we.until(camera, is_live)
            for number in range(72):  # so long grows what the allocator keeps for later
                await visit(number)
            before, memory_mb = await quiet(), both.preview.memory_mb()
            for number in range(30):
                await visit(number)
            await quiet()
            await until(lambda: both.preview.descriptors() <= before[0] + 2)
            await until(lambda: both.preview.threads() <= before[1] + 1)
            assert both.preview.memory_mb() < memory_mb + 25

    run(scenario())


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe is not installed")
def test_ffprobe_finds_nothing_to_complain_about(run: Run, both: Both, redis_url: str) -> None:
    def probe(transport: str) -> tuple[str, str]:
        command = [
            *("ffprobe", "-v", "warning", "-rtsp_transport", transport),
            *("-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0"),
            both.preview.url("yard"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout.strip(), done.stderr

    async def scenario() -> None:
        async with neighbour(redis_url, both.capture.run_dir) as we:
            await we.want("yard", "demo:?size=640x360")
            await we.until("yard", is_live)
            found = await asyncio.gather(*(asyncio.to_thread(probe, way) for way in ("tcp", "udp")))
            assert found == [("h264,640,360", "")] * 2

    run(scenario())


def test_with_a_password_only_those_who_know_it_watch(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        login = {"PREVIEW_USER": "ann", "PREVIEW_PASSWORD": "s3cret"}
        with previewing(redis_url, tmp_path, **login) as preview:
            for way in ("tcp", "udp"):
                assert len(await watching(preview.url("out", "ann:s3cret@"), 2, way)) == 2
            for wrong in ("", "ann:secret@", "bob:s3cret@"):
                with pytest.raises(av.error.HTTPUnauthorizedError):
                    await watching(preview.url("out", wrong), 1)
        assert "s3cret" not in preview.log.read_text()

    run(scenario())


def test_it_stops_at_once_although_players_watch(run: Run, redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        with previewing(redis_url, tmp_path) as preview:
            async with connected(preview.url("out")) as player:
                await player.play()
                await player.until(lambda: len(player.pictures) > 3)
                assert await asyncio.to_thread(preview.stop) < 1.5
                await player.until_over()
                assert player.reports[-1][-8:-4] == bytes.fromhex("81cb0001")  # goodbye
                assert not preview.heartbeat()

    run(scenario())


def test_a_port_in_use_is_one_line_and_status_2(redis_url: str, tmp_path: Path) -> None:
    with previewing(redis_url, tmp_path) as preview:
        env = {"REDIS_URL": redis_url, "LOOKOUT_PREVIEW_PORT": str(preview.port)}
        done = subprocess.run(
            [sys.executable, "-m", "preview"],
            env={**os.environ, **env, "LOOKOUT_RUN_DIR": str(tmp_path)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        f"lookout preview: LOOKOUT_PREVIEW_PORT: cannot listen on 127.0.0.1:{preview.port}"
    )

"""What costs little while nobody watches, and what whoever comes then gets."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from capture.economy import KEPT, Economy
from capture.hwaccel import Decoder
from capture.source import Shot, Terms, open_source
from capture.video import FORMATS, Converter, open_video, packets_of
from tests.capture.process import capturing, neighbour
from tests.capture.reading import TERMS
from tests.conftest import Run
from tests.pictures import number_in, numbered
from tests.rtsp_server import Encoder, Film, RtspServer, serve_rtsp
from tests.videos import write_video


def shots_for(url: str, seconds: float, watched: Callable[[], bool]) -> Iterator[Shot]:
    with open_source(url, TERMS) as source:
        until = monotonic() + seconds
        for shot in source.frames(watched):
            yield shot
            if monotonic() > until:
                return


def number_of(shot: Shot) -> int | None:
    return number_in(shot.pixels()) if shot.pixels else None


def nobody() -> bool:
    return False


def test_of_a_camera_nobody_watches_only_key_frames_are_decoded(run: Run) -> None:
    async def scenario() -> None:
        async with serve_rtsp(fps=30) as camera:
            urls = [f"{camera.url}?transport={transport}" for transport in ("tcp", "udp")]
            given = await asyncio.gather(
                *(
                    asyncio.to_thread(lambda url: list(shots_for(url, 3, nobody)), url)
                    for url in urls
                )
            )
        for shots in given:
            assert len(shots) == pytest.approx(90, abs=25)  # each says that the camera lives
            assert 2 <= sum(shot.pixels is not None for shot in shots) <= 5
            assert not any(shot.lost for shot in shots)

    run(scenario())


def test_whoever_begins_to_watch_gets_the_newest_picture_not_the_last_key_frame(run: Run) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as one, serve_rtsp() as other:
            one.gop_s = other.gop_s = 30.0
            other.codec = "hevc"
            late = await asyncio.gather(
                *(asyncio.to_thread(come_and_go, camera) for camera in (one, other))
            )
        assert [len(numbers) for numbers in late] == [3, 3]
        assert max(map(max, late)) <= 4  # frames; the last key frame is tens of frames away

    run(scenario())


def come_and_go(camera: RtspServer) -> list[int]:
    """How many frames behind the first picture was, each time after a rest of 0.8 s."""
    late, since = list[int](), [monotonic()]

    def wanted() -> bool:
        return monotonic() - since[0] > 0.8

    with open_source(camera.url, TERMS) as source:
        for shot in source.frames(wanted):
            if shot.pixels and wanted():
                late.append(camera.sent - number_in(shot.pixels()))
                since[0] = monotonic()
                if len(late) == 3:
                    break
    return late


def test_pictures_of_a_motion_jpeg_are_decoded_once_a_second(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", range(1, 33))
    shots = list(shots_for(path.as_uri(), 5, nobody))
    assert sum(shot.pixels is not None for shot in shots) in (2, 3)
    assert len(shots) >= 32


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi"])
def test_a_recording_goes_on_in_time_while_nobody_watches(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, range(1, 31))
    began = [monotonic()]

    def watched() -> bool:
        return monotonic() - began[0] > 0.9

    seen = list[tuple[int, float]]()
    for shot in shots_for(path.as_uri(), 5, watched):
        if not seen:
            began = [shot.captured_mono]
        if number := number_of(shot):
            seen.append((number, shot.captured_mono - began[0]))
    watching = [(number, at_s) for number, at_s in seen if at_s > 0.85]
    assert [number for number, _ in watching] == list(range(watching[0][0], 31))
    for number, at_s in watching:
        assert number / 15 == pytest.approx(at_s, abs=0.35)
    assert watching[0][0] <= 15 * 0.9 + 8


def test_a_slide_is_there_for_whoever_comes_while_it_is_shown(tmp_path: Path) -> None:
    path = write_video(tmp_path / "slides.avi", [1, 2, 3], fps=1, slower=2)
    start = monotonic()
    seen = list[tuple[int, float]]()
    for shot in shots_for(path.as_uri(), 4, lambda: monotonic() - start > 2.5):
        if number := number_of(shot):
            seen.append((number, round(shot.captured_mono - start)))
    assert seen[:3] == [(1, 0), (2, 3), (3, 4)]


@pytest.fixture(scope="module")
def endless_gop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A video of one key frame and very many others."""
    encoder = Encoder(Film((320, 240), 15, gop_s=1000))
    path = tmp_path_factory.mktemp("video") / "long.h264"
    frames = range(1, 2 * KEPT + 50)
    path.write_bytes(b"".join(encoder.encode(numbered(n), n == 1) for n in frames))
    return str(path)


def test_what_is_kept_for_whoever_comes_has_a_limit_and_is_right_beyond_it(
    endless_gop: str,
) -> None:
    with open_video(endless_gop, Terms(), {"format_whitelist": FORMATS}) as (container, video):
        wanted, decoded = False, list[tuple[int, int]]()
        economy = Economy(Decoder(video, at_once=True), lambda: wanted)
        for number, packet in enumerate(packets_of(container, video), 1):
            wanted = number == 2 * KEPT + 20
            if frames := economy.decode(packet):
                decoded.append((number, number_in(Converter().pixels(frames[-1]))))
            if wanted:
                break
    at = [1, KEPT + 1, 2 * KEPT + 1, 2 * KEPT + 20]
    assert decoded == [(number, number) for number in at]


def test_a_camera_nobody_watches_is_live_and_the_first_reader_sees_now(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with serve_rtsp() as camera, neighbour(redis_url, tmp_path / "run") as we:
            camera.gop_s = 20.0
            await we.want("front", camera.url)
            await we.cameras.wait_live("front", 10)
            resting = await we.until("front", lambda now: now is not None and now.fps_in > 10)
            assert (resting.state, resting.width, resting.drops) == ("live", 320, 0)
            frames = camera.sent
            while camera.sent < frames + 30:
                await asyncio.sleep(0.1)
            start, sent = monotonic(), camera.sent
            frame = await we.frames.newest("front", 3)
            assert number_in(frame.pixels) >= sent - 2
            assert monotonic() - start < 1
            watched = await we.until("front", lambda now: now is not None and now.fps > 10)
            assert watched.instance == resting.instance

    with capturing(redis_url, tmp_path / "run"):
        run(scenario())

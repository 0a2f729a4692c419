"""Videos over HTTP: recordings, streams without end, and play lists (HLS)."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import av
import numpy as np
import pytest

from capture.source import Terms
from tests.capture.reading import Reading, read
from tests.conftest import Run
from tests.http_server import Request, always, begin, response, serve_http
from tests.pictures import number_in, numbered
from tests.videos import write_video

FPS = 15
TERMS = Terms(open_s=5.0, stall_s=1.5)


async def reading(url: str, most: int = 1000) -> Reading:
    return await asyncio.to_thread(read, url, most, TERMS)


def numbers(got: Reading) -> list[int]:
    return [number_in(one.pixels) for one in got.seen]


def with_index_last(path: Path, source: Path) -> None:
    """As most recorders write MP4: whoever plays it has to look at its end first."""
    with av.open(source) as old, av.open(path, "w") as new:
        video = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = video
                new.mux(packet)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.ts", "late.mp4"])
def test_a_recording_plays_at_its_own_speed_and_ends(run: Run, tmp_path: Path, name: str) -> None:
    write_video(tmp_path / name, range(1, 9))
    if name == "late.mp4":
        with_index_last(tmp_path / name, (tmp_path / name).rename(tmp_path / "early.mp4"))

    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            camera.in_parts = name == "late.mp4"
            got = await reading(camera.url(name, "u:p"))
        assert numbers(got) == list(range(1, 9))
        assert (got.live, got.codec, got.error) == (False, "h264", "")
        assert 0.5 < got.took_s < 2.0

    run(scenario())


def test_a_video_without_an_end_is_live_and_its_newest_picture_is_shown(
    run: Run, tmp_path: Path
) -> None:
    data = write_video(tmp_path / "clip.ts", range(1, 31)).read_bytes()

    async def scenario() -> None:
        async def stream(request: Request, writer: asyncio.StreamWriter) -> None:
            begin(writer, "video/mp2t")
            start = monotonic()
            for place in range(0, len(data), 1880):
                writer.write(data[place : place + 1880])
                await writer.drain()
                await asyncio.sleep(start + 2 * place / len(data) - monotonic())
            await asyncio.Event().wait()

        async with serve_http(tmp_path) as camera:
            camera.routes["stream"] = stream
            got = await reading(camera.url("stream"))
        assert (got.live, got.codec, got.error) == (True, "h264", "gave no frame for 1.5 s")
        assert numbers(got) == sorted(numbers(got))
        assert numbers(got)[-1] >= 25  # the decoder holds some back

    run(scenario())


class Hls:
    """A play list that goes on until it is told what to do: see `filming_hls`."""

    def __init__(self, folder: Path) -> None:
        self.newest = 0
        self._folder = folder
        self._stop, self._ready = Event(), Event()
        self._thread = Thread(target=self._film)

    def begin(self) -> None:
        self._thread.start()
        assert self._ready.wait(20)

    def end(self) -> None:
        self._stop.set()
        self._thread.join()

    def _film(self) -> None:
        options = {
            "hls_time": "0.5",
            "hls_list_size": "4",
            "hls_flags": "delete_segments+temp_file",
            "hls_segment_filename": str(self._folder / "piece%d.ts"),
        }
        play_list = self._folder / "live.m3u8"
        with av.open(play_list, "w", format="hls", options=options) as file:
            video = file.add_stream("libx264", rate=FPS)
            assert isinstance(video, av.VideoStream)
            video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
            video.codec_context.gop_size, video.codec_context.thread_count = 5, 1
            video.codec_context.options = {"preset": "ultrafast", "tune": "zerolatency"}
            start = monotonic()
            while not self._stop.wait(max(0.0, start + self.newest / FPS - monotonic())):
                self.newest += 1
                frame = av.VideoFrame.from_ndarray(numbered(self.newest), "rgb24")
                frame.pts, frame.time_base = self.newest, Fraction(1, FPS)
                file.mux(video.encode(frame))
                if play_list.exists() and self.newest > FPS:
                    self._ready.set()
            file.mux(video.encode())


@contextmanager
def filming_hls(folder: Path) -> Generator[Hls]:
    hls = Hls(folder)
    hls.begin()
    try:
        yield hls
    finally:
        hls.end()


def test_a_live_play_list_is_a_camera_until_it_ends(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        with filming_hls(tmp_path) as hls:
            async with serve_http(tmp_path) as camera:
                began = hls.newest
                asyncio.get_running_loop().call_later(2, hls.end)
                got = await reading(camera.url("live.m3u8", "u:p"))
        seen = numbers(got)
        assert (got.live, got.codec, got.error) == (True, "h264", "")
        assert seen == list(range(seen[0], hls.newest + 1))
        assert seen[0] > began - 2 * FPS  # the newest piece and not the oldest
        assert np.median(np.diff([one.stamped for one in got.seen])) == pytest.approx(
            1 / FPS, rel=0.3
        )

    run(scenario())


def test_a_play_list_that_does_not_go_on_is_given_up(run: Run, tmp_path: Path) -> None:
    piece = write_video(tmp_path / "piece.ts", range(1, 9)).read_bytes()
    lines = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.5,\npiece?1\n"

    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            camera.routes["piece"] = always(response(piece))
            camera.routes["list"] = always(response(lines.encode(), Content_Type="audio/mpegurl"))
            got = await reading(camera.url("list?user=1"))
        assert (got.live, got.error) == (True, "gave no frame for 1.5 s")
        assert got.seen
        assert got.took_s < 4

    run(scenario())


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        ("file:///etc/hostname", "its play list is encrypted, or names what is not http"),
        ("http://localhost:1/x.ts", "it sends us on to localhost, which is not a public address"),
        ("http://169.254.169.254/x.ts", "which is not a public address"),
        ("gone.ts", "the camera has no such path"),
        ("page.ts", "not a video or picture"),
    ],
)
def test_a_play_list_leads_nowhere_else(run: Run, tmp_path: Path, piece: str, reason: str) -> None:
    (tmp_path / "page.ts").write_text("<html>" * 500)
    lines = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
    (tmp_path / "list.m3u8").write_text(lines.format(piece))

    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            got = await reading(camera.url("list.m3u8"))
        assert reason in got.error

    run(scenario())


def test_a_play_list_with_an_end_is_a_recording(run: Run, tmp_path: Path) -> None:
    data = write_video(tmp_path / "clip.ts", range(1, 9)).read_bytes()
    half = len(data) // 2 // 188 * 188
    lines = (
        "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:1\n"
        f"#EXTINF:0.5,\n#EXT-X-BYTERANGE:{half}@0\nclip.ts\n"
        f"#EXTINF:0.5,\n#EXT-X-BYTERANGE:{len(data) - half}@{half}\nclip.ts\n#EXT-X-ENDLIST\n"
    )
    (tmp_path / "list.m3u8").write_text(lines)

    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            camera.in_parts = True
            got = await reading(camera.url("list.m3u8"))
        assert (numbers(got), got.live, got.error) == (list(range(1, 9)), False, "")

    run(scenario())

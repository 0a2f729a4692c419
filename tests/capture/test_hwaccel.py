"""Hardware that decodes: used where it is there, and never what a camera is lost by."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest
from av.video.stream import VideoStream

from capture.hwaccel import DEVICES, SOFTWARE, Decoder, candidates
from capture.source import Terms
from capture.video import FORMATS, Converter, open_video, packets_of
from tests.capture.reading import read
from tests.conftest import Run
from tests.pictures import number_in
from tests.rtsp_server import serve_rtsp
from tests.videos import write_video


@contextmanager
def opened(path: Path) -> Generator[tuple[av.container.InputContainer, VideoStream]]:
    write_video(path, range(1, 21))
    with open_video(str(path), Terms(), {"format_whitelist": FORMATS}) as opened:
        yield opened


def numbers(
    container: av.container.InputContainer, video: VideoStream, decoder: Decoder
) -> list[int]:
    frames = [frame for one in packets_of(container, video) for frame in decoder.frames(one)]
    return [number_in(Converter().pixels(frame)) for frame in frames]


# Where there is such hardware, this is a test of it.
@pytest.mark.parametrize("hwaccel", ["auto", "none", "cuda", "qsv", "vaapi", "drm", "no-such"])
def test_a_camera_is_read_whatever_hardware_was_asked_for(
    run: Run, hwaccel: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        async with serve_rtsp(login="u:secret") as camera:
            terms = Terms(3.0, 3.0, hwaccel=hwaccel)
            got = await asyncio.to_thread(read, camera.url, 4, terms)
        seen = [number_in(one.pixels) for one in got.seen]
        assert seen == list(range(seen[0], seen[0] + 4))

    run(scenario())
    (line,) = [entry for entry in caplog.messages if entry.startswith("video opened")]
    assert "codec=h264 decoder=" in line
    assert "secret" not in line


def test_only_hardware_that_is_there_is_tried_without_being_asked_for() -> None:
    there = {kind for kind, device in DEVICES.items() if Path(device).exists()}
    assert set(candidates("auto")) <= {*there, "videotoolbox"}
    assert candidates("none") == candidates("no-such") == []


def test_hardware_that_fails_at_the_first_picture_costs_no_picture(tmp_path: Path) -> None:
    with opened(tmp_path / "clip.mp4") as (container, video):
        failing = av.CodecContext.create("hevc", "r")  # it cannot read a word of this
        assert isinstance(failing, av.VideoCodecContext)
        decoder = Decoder(video, "cuda", open_on=lambda software, kind: failing)
        assert numbers(container, video, decoder) == list(range(1, 21))
        assert (decoder.name, decoder.damaged) == (SOFTWARE, 0)


def test_hardware_that_cannot_be_opened_is_not_used(tmp_path: Path) -> None:
    with opened(tmp_path / "clip.avi") as (container, video):  # which no drm decodes
        decoder = Decoder(video, "drm")
        assert decoder.name == SOFTWARE
        assert numbers(container, video, decoder) == list(range(1, 21))

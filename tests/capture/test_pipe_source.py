"""Commands as cameras: the newest picture however slow we are, and nothing left of them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Timer, active_count
from time import monotonic, sleep

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import CameraError
from bus.jpeg import encode_jpeg
from capture.jpegs import JpegCutter
from capture.source import Shot, Terms, open_source
from tests.capture import filming
from tests.capture.reading import Reading, pictures, read
from tests.pictures import number_in, numbered

TERMS = Terms(open_s=10.0, stall_s=1.0)
ROOT = Path(__file__).parents[2]
RAW = "#format=rawvideo&size=320x240&pixels="
LATE_S = 0.6  # on a loaded machine; with a queue it would be seconds
CLOSED_S = 1.0  # on a loaded machine; alone it is less than half


def film(arguments: str) -> str:
    return f"pipe:{sys.executable} {filming.__file__} {arguments}"


def number_of(shot: Shot) -> int:
    assert shot.pixels
    return number_in(shot.pixels())


@pytest.mark.parametrize(
    "arguments", ["mjpeg", f"raw{RAW}rgb24", "h264#format=h264", "mpegts#format=mpegts"]
)
def test_a_slow_reader_gets_the_newest_picture_and_not_a_growing_backlog(arguments: str) -> None:
    ages, stamped = [], []
    with open_source(film(arguments), TERMS) as source:
        for captured, pixels in islice(pictures(source), 5):
            ages.append(filming.age_s(number_in(pixels)))
            stamped.append(monotonic() - captured)
            sleep(0.25)
    assert max(ages) < LATE_S
    assert max(stamped) < LATE_S
    assert source.live
    assert source.codec == arguments.partition("#format=")[2] or source.codec in arguments


def test_who_keeps_up_gets_every_picture_once_and_who_does_not_is_told() -> None:
    with open_source(film("mjpeg"), TERMS) as source:
        shots = source.frames(lambda: True)
        kept = [number_of(shot) for shot in islice(shots, 10) if not shot.lost]
        sleep(0.5)
        missed = [shot.lost for shot in islice(shots, 5)]
    assert kept == sorted(set(kept))
    assert len(kept) >= 5  # of a machine that does other things, too
    assert missed == [True] * 5


def test_pictures_are_spared_while_nobody_watches_and_there_at_once_when_somebody_does() -> None:
    watching: list[bool] = []
    with open_source(film("mjpeg"), TERMS) as source:
        shots = source.frames(lambda: bool(watching))
        first = next(shots)
        rest = list(islice(shots, 45))  # one and a half seconds
        watching.append(True)
        woken = next(shot for shot in shots if not shot.lost)
        assert filming.age_s(number_of(woken)) < LATE_S
    shown = [shot.captured_mono for shot in [first, *rest] if shot.pixels]
    assert np.diff(shown) == pytest.approx([1.0] * (len(shown) - 1), abs=0.4)
    assert 2 <= len(shown) <= 3


@pytest.mark.parametrize(
    "pixels", ["rgb24", "bgr24", "rgbx", "bgrx", "gray", "yuyv", "nv12", "yuv420p"]
)
def test_raw_pixels_of_any_layout_have_the_right_colours(tmp_path: Path, pixels: str) -> None:
    file = tmp_path / "raw"
    encode = filming.LayoutEncoder(pixels)
    file.write_bytes(encode(5) + encode(6))
    got = read(f"pipe:cat {file}{RAW}{pixels}")
    assert number_in(got.seen[-1].pixels) == 6
    expected = numbered(6).mean((0, 1))
    if pixels == "gray":
        expected = np.full(3, expected @ (0.299, 0.587, 0.114))
    assert got.seen[-1].pixels.mean((0, 1)) == pytest.approx(expected, abs=4)


def jpegs(*numbers: int) -> list[bytes]:
    return [encode_jpeg(numbered(number)) for number in numbers]


def with_thumbnail(jpeg: bytes) -> bytes:
    """As cameras write it: a whole small JPEG in a segment of the large one."""
    small = encode_jpeg(numbered(9, 64, 48))
    return jpeg[:2] + b"\xff\xe1" + (len(small) + 2).to_bytes(2, "big") + small + jpeg[2:]


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=9), st.binary(max_size=20))
def test_jpegs_are_found_however_the_bytes_come(sizes: list[int], between: bytes) -> None:
    between = between.replace(b"\xff", b"")
    wanted = [with_thumbnail(jpeg) for jpeg in jpegs(1, 2)] + jpegs(3)
    stream, cutter, got = between.join([b"", *wanted]), JpegCutter(), list[bytes | None]()
    while stream:
        sizes.append(sizes.pop(0))
        got += cutter.cut(stream[: sizes[-1]])
        stream = stream[sizes[-1] :]
    assert got == wanted


def test_damaged_pictures_are_lost_and_the_others_are_not(tmp_path: Path) -> None:
    one, two, three, four = jpegs(1, 2, 3, 4)
    missing = three[: len(three) // 2] + three[len(three) // 2 + 300 :]
    half = two[: len(two) // 2]
    for place, data in enumerate(
        [b"no picture", one, half, b"\xff\xd8\xff\xe0\0\0", missing, four]
    ):
        (tmp_path / str(place)).write_bytes(data)
    with open_source(f"pipe:{slowly(tmp_path)}", TERMS) as source:
        shots = list(islice(source.frames(lambda: True), 5))
    assert [None if shot.lost else number_of(shot) for shot in shots] == [1, None, None, None, 4]


def test_a_damaged_picture_takes_no_whole_one_away(tmp_path: Path) -> None:
    one, two = jpegs(1, 2)
    (tmp_path / "0").write_bytes(one + two[: len(two) // 2] + b"\xff\xd8\xff\xe0\0\0")
    with open_source(f"pipe:{slowly(tmp_path)}", TERMS) as source:
        shots = list(islice(source.frames(lambda: True), 3))
    assert sorted(0 if shot.lost else number_of(shot) for shot in shots) == [0, 0, 1]


def slowly(folder: Path) -> str:
    """The command that writes the files of *folder*, with a pause after each."""
    return f"sh -c 'for file in {folder}/*; do cat $file; sleep 0.15; done; sleep 60'"


def test_a_camera_may_change_its_size(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(encode_jpeg(numbered(1)))
    (tmp_path / "1").write_bytes(encode_jpeg(numbered(2, 640, 480)))
    got = read(f"pipe:{slowly(tmp_path)}", 2, TERMS)
    assert [one.pixels.shape for one in got.seen] == [(240, 320, 3), (480, 640, 3)]
    assert [number_in(one.pixels) for one in got.seen] == [1, 2]


def failing(arguments: str) -> Reading:
    return read(film(arguments), terms=Terms(open_s=1.5, stall_s=0.5))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("mjpeg --count 3", "the command ended"),
        ("mjpeg --count 3 --then hang", "gave no frame for 0.5 s"),
        ("mjpeg --count 0 --then hang", "gave no picture within 1.5 s"),
        (
            "mjpeg --count 3 --then fail --say 'Error in rtsp://u:secret@host/: no\nBye.'",
            "the command ended with status 7: Error in rtsp://***@host/: no",
        ),
        ("mjpeg --count 0 --say 'no camera 0'", "the command ended: no camera 0"),
        ("h264 --count 0 --then fail#format=h264", "the command ended with status 7"),
    ],
)
def test_why_a_command_gives_no_more_pictures_is_said(arguments: str, error: str) -> None:
    got = failing(arguments)
    assert got.error == error
    assert len(got.seen) == 0 or "--count 3" in arguments


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("pipe:no-such-program -o -", "there is no program no-such-program here"),
        ("pipe:", "write pipe:COMMAND or pipe:COMMAND#format=mjpeg"),
        ("pipe:echo 'never closed", "the command cannot be read: no closing quotation"),
        ("pipe:cat#format=gif89", "format: choose one of mjpeg, rawvideo, h264,"),
        ("pipe:cat#size=640x480", "size: only format=rawvideo has it"),
        ("pipe:cat#format=rawvideo", "raw video says nothing of itself"),
        ("pipe:cat#format=rawvideo&size=big&pixels=gray", "size: write width x height"),
        ("pipe:cat#format=rawvideo&size=9999x9999&pixels=gray", "size: 7680x4320 is the largest"),
        ("pipe:cat#format=rawvideo&size=64x48&pixels=pink", "pixels: choose one of rgb24,"),
        ("pipe:cat#format=rawvideo&size=63x48&pixels=nv12", "size: pictures with these pixels"),
        ("pipe:cat#speed=2", "there is no field 'speed': use format, size, pixels, fd"),
        ("pipe:cat#fd=2", "fd: 2 is where the command says what goes wrong"),
        ("pipe:cat /dev/null", "the command ended"),
        ("pipe:cat /dev/null#format=matroska", "the command ended"),
    ],
)
def test_what_is_wrong_with_a_pipe_is_said_in_plain_words(url: str, error: str) -> None:
    got = read(url)
    assert got.error.startswith(error)
    assert got.took_s < 3


def test_no_shell_sees_the_command_and_quotes_and_escapes_hold_words_together(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a b #1?&$HOME;.jpg"
    file.write_bytes(encode_jpeg(numbered(4)))
    command = f"cat '{file}'".replace("#", "%23").replace(" ", "%20")
    (seen,) = read(f"pipe:{command}#format=mjpeg").seen
    assert number_in(seen.pixels) == 4


def test_what_a_command_prints_does_no_harm_to_frames_of_another_descriptor() -> None:
    got = read(film(f"raw --fd 3{RAW}rgb24&fd=3"), 3, TERMS)
    assert filming.age_s(number_in(got.seen[-1].pixels)) < LATE_S


def is_left(group: int) -> bool:
    """Whether any process of the *group* is there, be it as a zombie of ours."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            state, parent, of_group = file.read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and (state != "Z" or int(parent) == os.getpid()):
                return True
    return False


def until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 10
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)


@pytest.mark.parametrize("arguments", ["mjpeg", "mjpeg --count 1 --then hang", "h264"])
def test_nothing_is_left_of_a_closed_command_even_if_it_will_not_end(
    tmp_path: Path, arguments: str
) -> None:
    stream = f"#format={arguments.partition(' ')[0]}"
    url = film(f"{arguments} --stubborn --pid {tmp_path}/pid{stream}")
    with open_source(url, TERMS) as source:
        next(iter(source.frames(lambda: True)))
        group = int((tmp_path / "pid").read_text())
        assert is_left(group)
        closed = monotonic()
    assert monotonic() - closed < CLOSED_S
    until(lambda: not is_left(group))


def test_a_command_that_asks_for_time_gets_it(tmp_path: Path) -> None:
    text = f'trap "echo > {tmp_path}/done; exit" TERM; echo > {tmp_path}/on; sleep 60 & wait'
    with open_source(f"pipe:sh -c '{text}'", TERMS):
        until((tmp_path / "on").exists)
    assert (tmp_path / "done").exists()


def test_whoever_waits_for_a_silent_command_can_be_told_to_stop() -> None:
    told: list[bool] = []

    def watched() -> bool:
        if told:
            raise CameraError("it was closed")
        return True

    start = monotonic()
    with open_source(film("mjpeg --count 0 --then hang"), Terms(open_s=30.0)) as source:
        Timer(0.5, told.append, (True,)).start()
        with pytest.raises(CameraError, match="it was closed"):
            next(iter(source.frames(watched)))
    assert monotonic() - start < 0.5 + CLOSED_S


def test_a_command_dies_with_us_however_we_die(tmp_path: Path) -> None:
    url = film(f"mjpeg --count 0 --then hang --pid {tmp_path}/pid")
    reader = f"""
from threading import Thread
from capture.source import Terms
from tests.capture.reading import read
Thread(target=read, args=({url!r}, 1, Terms(open_s=30))).start()
"""
    with subprocess.Popen([sys.executable, "-c", reader], cwd=ROOT) as process:
        until(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text()))
        group = int((tmp_path / "pid").read_text())
        process.send_signal(signal.SIGKILL)
    until(lambda: not is_left(group))


def test_opening_again_and_again_leaves_nothing_behind() -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    before, threads = open_files(), active_count()
    for _ in range(5):
        read("pipe:cat /dev/null")
        read("pipe:cat /dev/null#format=h264")
    assert open_files() <= before
    assert active_count() == threads

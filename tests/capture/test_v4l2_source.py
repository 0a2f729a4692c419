"""
USB cameras: in plain words what stands in the way, and the newest picture if nothing does.

The devices here are scripted; `LOOKOUT_TEST_V4L2=/dev/video0` has a real one tried as well.
"""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from threading import active_count
from time import monotonic, sleep

import av
import pytest
from av.video.codeccontext import VideoCodecContext

from bus.errors import CameraError
from bus.jpeg import encode_jpeg
from capture.source import Shot, Terms, open_source
from capture.sources import v4l2
from capture.v4l2_device import Device, Piece, open_device
from tests.pictures import number_in, numbered

URL = "v4l2:///dev/video0"
TERMS = Terms(open_s=1.0, stall_s=0.6)
FRAME_S = 0.04
REAL = os.environ.get("LOOKOUT_TEST_V4L2", "")

Script = Iterator[bytes | None]  # None: nothing yet


@dataclass
class Scripted:
    """A device that gives what its script says, and is unplugged where that ends."""

    script: Script
    codec: VideoCodecContext
    delayed_s: float = 0.0  # between capture and delivery
    closed: bool = False

    def read(self) -> Piece | None:
        assert not self.closed
        try:
            data = next(self.script)
        except StopIteration:
            raise OSError(errno.ENODEV, "No such device") from None
        return None if data is None else Piece(data, monotonic() - self.delayed_s)

    def close(self) -> None:
        self.closed = True


@dataclass
class Bus:
    """Where devices are plugged in: it refuses with some errors first, then opens *device*."""

    device: Scripted
    refusals: list[int] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    opened: bool = False

    def __call__(self, path: str, options: dict[str, str], within_s: float) -> Device:
        self.asked.append(options)
        if self.refusals:
            number = self.refusals.pop(0)
            raise OSError(number, os.strerror(number), path)
        self.opened = True
        return self.device


def codec(name: str) -> VideoCodecContext:
    made = av.CodecContext.create(name, "r")
    assert isinstance(made, VideoCodecContext)
    return made


def jpeg(number: int, *size: int) -> bytes:
    return encode_jpeg(numbered(number, *size))


def mjpeg(script: Script, refusals: tuple[int, ...] = ()) -> Bus:
    return Bus(Scripted(script, codec("mjpeg")), list(refusals))


def raw(script: Script, refusals: tuple[int, ...] = ()) -> Bus:
    layout = codec("rawvideo")
    layout.width, layout.height, layout.pix_fmt = 320, 240, "yuyv422"
    return Bus(Scripted(script, layout), list(refusals))


def yuyv(number: int) -> bytes:
    frame = av.VideoFrame.from_ndarray(numbered(number), "rgb24")
    return frame.reformat(format="yuyv422").to_ndarray().tobytes()


def one_by_one(*pieces: bytes) -> Script:
    """Each with a pause before the next, so that a reader who keeps up has them all."""
    for piece in pieces:
        yield piece
        paused = monotonic()
        while monotonic() < paused + FRAME_S:
            yield None


def filming() -> Script:
    """For ever, at 25 frames a second."""
    number = 0
    while True:
        number += 1
        yield from one_by_one(jpeg(number))


def nothing() -> Script:
    while True:
        yield None


def film(bus: Bus, url: str = URL) -> tuple[list[Shot], str]:
    """Every picture until the camera breaks, and why it did."""
    shots = list[Shot]()
    with pytest.raises(CameraError) as raised, v4l2.open(url, TERMS, bus) as source:
        shots.extend(source.frames(lambda: True))
    assert bus.device.closed == bus.opened
    return shots, str(raised.value)


def numbers(shots: list[Shot]) -> list[int | None]:
    return [number_in(shot.pixels()) if shot.pixels else None for shot in shots]


def test_what_the_url_asks_for_is_asked_of_the_device() -> None:
    bus = mjpeg(one_by_one(jpeg(1)))
    film(bus, f"{URL}?size=640x480&fps=30&format=mjpeg")
    assert bus.asked == [{"video_size": "640x480", "framerate": "30", "input_format": "mjpeg"}]


def test_without_a_wish_it_is_mjpeg_or_else_what_the_device_has() -> None:
    bus = raw(one_by_one(yuyv(7)), refusals=(errno.EINVAL, errno.ENOSPC))
    shots, _ = film(bus)
    assert numbers(shots) == [7]
    assert bus.asked == [
        {"video_size": "1280x720", "framerate": "15", "input_format": "mjpeg"},
        {"video_size": "1280x720", "framerate": "15"},
        {},
    ]


def test_a_format_that_was_asked_for_is_not_replaced_by_another() -> None:
    bus = raw(one_by_one(yuyv(1)), refusals=(errno.EINVAL,))
    _, error = film(bus, f"{URL}?format=yuyv")
    assert [options["input_format"] for options in bus.asked] == ["yuyv422"]
    assert error == "it has no such format or size: see v4l2-ctl --list-formats-ext"


def test_the_name_that_stays_is_a_device_too() -> None:
    name = "/dev/v4l/by-id/usb-046d_C270_200901010001-video-index0"
    assert v4l2.path_of(f"v4l2://{name}") == name
    assert v4l2.path_of("v4l2:///dev/a%20b?fps=3") == "/dev/a b"


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOENT, "no such device: is it plugged in?"),
        (errno.EBUSY, "another program uses it"),
        (errno.EACCES, "this user may not read it: add it to the group video"),
        (errno.ENOTTY, "it is not a camera, or not the right file of one"),
        (errno.ENODEV, "it is not a camera, or not the right file of one"),
        (errno.ENOMEM, "cannot allocate memory"),
    ],
)
def test_why_a_device_cannot_be_opened_is_said_at_once(number: int, error: str) -> None:
    bus = mjpeg(nothing(), refusals=(number,))
    _, said = film(bus)
    assert said.startswith(error)
    assert len(bus.asked) == 1


def test_a_bus_without_room_for_one_more_camera_is_said_so() -> None:
    _, error = film(mjpeg(nothing(), refusals=(errno.ENOSPC,) * 3))
    assert error.startswith("its USB bus has no room left")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("v4l2://video0", "write v4l2:// and the whole path: v4l2:///dev/video0"),
        ("v4l2:///etc/passwd", "write v4l2:// and the whole path: v4l2:///dev/video0"),
        (f"{URL}?size=large", "size: write width x height, such as 1280x720"),
        (f"{URL}?fps=0", "fps: use a number from 1 to 240"),
        (f"{URL}?fps=nan", "fps: use a number from 1 to 240"),
        (f"{URL}?format=gif", "format: choose one of mjpeg, h264,"),
        (f"{URL}?rotate=90", "there is no field 'rotate': use size, fps, format"),
    ],
)
def test_a_wish_with_a_mistake_names_the_field(url: str, error: str) -> None:
    bus = mjpeg(nothing())
    assert film(bus, url)[1].startswith(error)
    assert bus.asked == []


@pytest.mark.parametrize("path", ["/dev/no-such-video", "/dev/null", "/dev/fd", "/dev/zero"])
def test_a_path_that_is_no_camera_is_said_so(path: str) -> None:
    missing = "no such device: is it plugged in?"
    with pytest.raises(CameraError) as raised, open_source(f"v4l2://{path}", TERMS):
        raise AssertionError
    assert str(raised.value) == (missing if "no-such" in path else v4l2.NO_CAMERA)


def test_what_is_no_video_device_is_not_even_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")  # which would wait for somebody to write
    with pytest.raises(OSError, match="not a video device"):
        open_device(str(tmp_path / "fifo"), {}, 1.0)


def test_an_unplugged_camera_is_missed_and_can_be_opened_again() -> None:
    for _ in range(2):
        shots, error = film(mjpeg(one_by_one(jpeg(1), jpeg(2))))
        assert (numbers(shots), error) == ([1, 2], "it was unplugged")


def test_damaged_pictures_are_lost_and_the_others_are_not() -> None:
    whole = jpeg(3)
    bad = (b"", b"no picture", whole[: len(whole) // 2])
    shots, _ = film(mjpeg(one_by_one(jpeg(1), *bad, jpeg(2))))
    assert numbers(shots) == [1, None, None, None, 2]
    assert [shot.lost for shot in shots] == [False, True, True, True, False]


def test_half_a_raw_picture_is_lost() -> None:
    shots, _ = film(raw(one_by_one(yuyv(1), yuyv(2)[:1000], yuyv(3))))
    assert numbers(shots) == [1, None, 3]


def test_a_camera_may_change_its_size() -> None:
    shots, _ = film(mjpeg(one_by_one(jpeg(1), jpeg(2, 640, 480))))
    assert [shot.pixels().shape for shot in shots if shot.pixels] == [(240, 320, 3), (480, 640, 3)]


def test_a_camera_that_opens_and_never_gives_a_frame_is_given_up() -> None:
    start = monotonic()
    bus = mjpeg(nothing())
    shots, error = film(bus)
    assert (shots, error) == ([], "gave no picture within 1 s")
    assert monotonic() - start < 3
    assert bus.device.closed


def test_a_camera_that_falls_silent_is_given_up() -> None:
    def script() -> Script:
        yield jpeg(1)
        yield from nothing()

    shots, error = film(mjpeg(script()))
    assert (numbers(shots), error) == ([1], "gave no frame for 0.6 s")


def test_a_slow_reader_gets_the_newest_picture() -> None:
    bus = mjpeg(filming())
    with v4l2.open(URL, TERMS, bus) as source:
        shots = source.frames(lambda: True)
        seen = []
        for shot in islice((shot for shot in shots if not shot.lost), 4):
            assert shot.pixels
            seen.append((number_in(shot.pixels()), monotonic() - shot.captured_mono))
            sleep(0.3)
    assert all(later > number + 3 for (number, _), (later, _) in pairwise(seen))
    assert max(age_s for _, age_s in seen) < 0.25  # of a queue it would be more and more


def test_pictures_are_spared_while_nobody_watches_and_there_at_once_when_somebody_does() -> None:
    watching: list[bool] = []
    with v4l2.open(URL, TERMS, mjpeg(filming())) as source:
        shots = source.frames(lambda: bool(watching))
        resting = list(islice(shots, 20))
        watching.append(True)
        woken = next(shot for shot in shots if not shot.lost)
    assert [bool(shot.pixels) for shot in resting] == [True] + [False] * 19
    assert woken.pixels
    assert number_in(woken.pixels()) > 20


def test_a_picture_is_as_old_as_the_driver_says_if_it_can_be_believed() -> None:
    for delayed_s, age_s in ((0.2, 0.2), (5000.0, 0.0), (-3.0, 0.0)):
        bus = mjpeg(one_by_one(jpeg(1)))
        bus.device.delayed_s = delayed_s
        with v4l2.open(URL, TERMS, bus) as source:
            shot = next(iter(source.frames(lambda: True)))
            assert monotonic() - shot.captured_mono == pytest.approx(age_s, abs=0.15)


def test_h264_of_a_camera_is_decoded_from_its_first_key_frame() -> None:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 320, 240, "yuv420p"
    encoder.framerate = Fraction(15)
    encoder.options, encoder.thread_count = {"tune": "zerolatency"}, 1
    packets = [
        bytes(packet)
        for number in range(1, 6)
        for packet in encoder.encode(av.VideoFrame.from_ndarray(numbered(number), "rgb24"))
    ]
    bus = Bus(Scripted(one_by_one(*packets), codec("h264")))
    shots, _ = film(bus, f"{URL}?format=h264")
    assert numbers([shot for shot in shots if not shot.lost]) == [1, 2, 3, 4, 5]


def test_a_closed_camera_is_let_go_of_at_once() -> None:
    threads, bus = active_count(), mjpeg(filming())
    with v4l2.open(URL, TERMS, bus) as source:
        next(iter(source.frames(lambda: True)))
        closed = monotonic()
    assert monotonic() - closed < 0.5
    assert bus.device.closed
    assert active_count() == threads


@pytest.mark.skipif(not REAL, reason="LOOKOUT_TEST_V4L2 names no device")
def test_a_real_camera_gives_new_pictures_and_is_free_again_afterwards() -> None:
    for _ in range(2):
        with open_source(f"v4l2://{REAL}", Terms()) as source:
            shots = [shot for shot in islice(source.frames(lambda: True), 15) if not shot.lost]
        times = [shot.captured_mono for shot in shots]
        assert len(shots) > 10
        assert times == sorted(set(times))
        assert monotonic() - times[-1] < 1

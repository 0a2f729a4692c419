"""Cameras of a board: the program that is installed reads them, or the one its owner names."""

import sys
from itertools import islice

import pytest

from bus.errors import CameraError
from capture.layouts import LAYOUTS, Raw
from capture.source import Terms, open_source
from capture.sources import csi
from capture.sources.pipe import Stream
from tests.capture import filming
from tests.capture.reading import pictures, read
from tests.pictures import number_in

LATE_S = 0.6
FILMING = f"{sys.executable} {filming.__file__}"


def command(url: str, *installed: str) -> tuple[str, Stream]:
    words, stream = csi.command_for(csi.wish_of(url), "", lambda name: name in installed)
    return " ".join(words), stream


def test_on_a_raspberry_pi_rpicam_vid_writes_jpegs() -> None:
    assert command("csi://1?size=640x480&fps=15&flip=2", "rpicam-vid", "libcamera-vid") == (
        "rpicam-vid --timeout 0 --nopreview --flush --camera 1 --framerate 15 "
        "--width 640 --height 480 --rotation 180 --codec mjpeg --quality 90 --output -",
        Stream("mjpeg"),
    )


def test_an_older_raspberry_pi_has_it_under_its_old_name() -> None:
    line, _ = command("csi://0", "libcamera-vid")
    assert line.startswith("libcamera-vid ")
    assert "--width 1280 --height 720" in line
    assert "--rotation" not in line


def test_on_a_jetson_gstreamer_writes_raw_pictures_where_nothing_is_printed() -> None:
    assert command("csi://0?size=1920x1080", "nvarguscamerasrc") == (
        "gst-launch-1.0 -q nvarguscamerasrc sensor-id=0 ! "
        "video/x-raw(memory:NVMM),width=1920,height=1080,framerate=30/1 ! "
        "nvvidconv flip-method=0 ! video/x-raw,format=BGRx,width=1920,height=1080 ! "
        "queue leaky=downstream max-size-buffers=1 ! fdsink fd=3 sync=false",
        Stream("rawvideo", Raw((1920, 1080), LAYOUTS["bgrx"]), descriptor=3),
    )


@pytest.mark.parametrize("flip", [1, 3, 5, 7])
def test_a_picture_that_is_turned_by_a_quarter_is_as_high_as_it_was_wide(flip: int) -> None:
    line, stream = command(f"csi://0?size=1280x720&flip={flip}", "nvarguscamerasrc")
    assert f"flip-method={flip} ! video/x-raw,format=BGRx,width=720,height=1280 " in line
    assert stream.raw == Raw((720, 1280), LAYOUTS["bgrx"])


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("csi://", "write the number of the camera: csi://0 is the first"),
        ("csi://front", "write the number of the camera: csi://0 is the first"),
        ("csi://0/1", "write the number of the camera: csi://0 is the first"),
        ("csi://0?size=720p", "size: write width x height, such as 1280x720"),
        ("csi://0?fps=1000", "fps: use a number from 1 to 240"),
        ("csi://0?flip=8", "flip: use a number from 0 to 7"),
        ("csi://0?flip=1", "flip: rpicam-vid knows 0, 2, 4, 6"),
        ("csi://0?mode=3", "there is no field 'mode': use size, fps, flip"),
    ],
)
def test_a_wish_with_a_mistake_names_the_field(url: str, error: str) -> None:
    with pytest.raises(CameraError) as raised:
        command(url, "rpicam-vid")
    assert str(raised.value) == error


def test_where_nothing_reads_such_cameras_it_is_said_what_to_install() -> None:
    with pytest.raises(CameraError) as raised, csi.open("csi://0", Terms(), lambda name: False):
        raise AssertionError
    assert str(raised.value) == csi.NOTHING
    assert not csi.installed("no-such-program")
    if not csi.installed(csi.INSPECT):
        assert not csi.installed(csi.ARGUS)


def test_the_owners_command_is_told_what_the_url_asks_for() -> None:
    words, stream = csi.written(
        "film {sensor} {width}x{height}@{fps} {flip} '{other}' "
        "#format=rawvideo&size={width}x{height}&pixels=bgrx&fd=3",
        csi.wish_of("csi://2?size=640x480&fps=5&flip=4"),
    )
    assert words == ["film", "2", "640x480@5", "4", "{other}"]
    assert stream == Stream("rawvideo", Raw((640, 480), LAYOUTS["bgrx"]), descriptor=3)


@pytest.mark.parametrize(
    "template",
    [
        f"{FILMING} mjpeg",
        f"{FILMING} bgrx --fd 3 #format=rawvideo&size={{width}}x{{height}}&pixels=bgrx&fd=3",
    ],
)
def test_the_owners_command_is_a_camera(template: str) -> None:
    terms = Terms(csi_command=template)
    with open_source("csi://0?size=320x240", terms) as source:
        ages = [filming.age_s(number_in(pixels)) for _, pixels in islice(pictures(source), 10)]
    assert source.live
    assert max(ages) < LATE_S


def test_what_its_program_says_when_it_fails_is_passed_on() -> None:
    terms = Terms(csi_command=f"{FILMING} mjpeg --count 0 --then fail --say 'ERROR: no cameras'")
    got = read("csi://0", terms=terms)
    assert got.error == "the command ended with status 7: ERROR: no cameras"

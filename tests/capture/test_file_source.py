"""Files as cameras: videos at their own speed, pictures for as long as they are there."""

import io
import os
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer

import av
import numpy as np
import pytest
from PIL import Image

from capture.source import open_source
from tests.capture.reading import TERMS, pictures, read
from tests.pictures import Pixels, number_in, numbered
from tests.videos import write_video


def numbers(seen: list[Pixels]) -> list[int]:
    return [number_in(pixels) for pixels in seen]


def test_a_video_plays_once_at_the_speed_it_was_filmed(tmp_path: Path) -> None:
    names = ("clip.mp4", "with space.mkv", "clip.ts", "clip.avi")
    paths = [write_video(tmp_path / name, range(1, 13), fps=20) for name in names]
    with ThreadPoolExecutor() as threads:
        readings = list(threads.map(lambda path: read(path.as_uri()), paths))
    for got in readings:
        assert numbers([one.pixels for one in got.seen]) == list(range(1, 13))
        offsets = [one.stamped - got.seen[0].stamped for one in got.seen]
        assert offsets == pytest.approx([number / 20 for number in range(12)], abs=0.2)
        assert (got.live, got.error) == (False, "")


def test_a_loop_goes_on_and_notices_that_the_file_was_replaced(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", range(1, 6))
    other = write_video(tmp_path / "other.mp4", range(50, 53), size=(640, 480))
    Timer(0.4, os.replace, (other, path)).start()
    got = read(path.as_uri() + "?loop=1", 16)
    seen = numbers([one.pixels for one in got.seen])
    assert seen[:10] == [1, 2, 3, 4, 5] * 2
    assert seen[-6:] == [50, 51, 52] * 2
    assert got.seen[-1].pixels.shape == (480, 640, 3)
    gaps = np.diff([one.stamped for one in got.seen])
    assert np.median(gaps) == pytest.approx(1 / 15, rel=0.2)
    assert gaps.max() < 0.4  # at the seams too


def test_a_video_filmed_upright_with_a_phone_is_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "phone.mp4", [7] * 3, turned=90)
    (pixels, *_) = [one.pixels for one in read(path.as_uri()).seen]
    assert pixels.shape == (320, 240, 3)
    assert pixels.flags.c_contiguous
    assert number_in(np.rot90(pixels, -1)) == 7


def test_a_slide_show_is_not_a_camera_that_stalls(tmp_path: Path) -> None:
    path = write_video(tmp_path / "slides.mkv", [1, 2], fps=1, slower=2)
    got = read(path.as_uri(), 3)
    assert numbers([one.pixels for one in got.seen]) == [1, 1, 2]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nothing.mp4", "no such file"),
        (".", "a directory, not a video or picture"),
        ("notes.txt", "not a video or picture"),
        ("empty.mp4", "not a video or picture"),
        ("cut.jpg", "the picture is damaged or half written"),
        ("sound.wav", "not a video or picture"),
        ("sound.mp4", "there is no video in it"),
        ("list.m3u8", "not a video or picture"),
        ("fifo", "not a regular file"),
    ],
)
def test_what_is_no_picture_is_said_so(tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "notes.txt").write_text("milk, eggs\n" * 50)
    (tmp_path / "empty.mp4").touch()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "sound.wav").write_bytes(silence())
    write_sound(tmp_path / "sound.mp4")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n")
    Image.fromarray(numbered(1)).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:800])
    assert read((tmp_path / path).as_uri()).error == reason


def write_sound(path: Path) -> None:
    with av.open(path, "w") as file:
        sound = file.add_stream("aac", rate=8000)
        assert isinstance(sound, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        frame.rate = 8000
        file.mux(sound.encode(frame))
        file.mux(sound.encode())


def silence() -> bytes:
    with wave.open(buffer := io.BytesIO(), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    return buffer.getvalue()


def test_a_file_on_another_host_is_refused() -> None:
    assert "three slashes" in read("file://server/clip.mp4").error


def picture_of(path: Path) -> Pixels:
    (seen,) = read(path.as_uri(), 1).seen
    assert seen.pixels.dtype == np.uint8
    assert seen.pixels.flags.c_contiguous
    return seen.pixels


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.bmp", "a.tiff", "a.gif", "a.ppm"])
def test_a_picture_of_any_usual_kind_is_shown(tmp_path: Path, name: str) -> None:
    Image.fromarray(numbered(11)).save(tmp_path / name)
    assert number_in(picture_of(tmp_path / name)) == 11


def test_a_picture_that_only_ffmpeg_reads_is_shown(tmp_path: Path) -> None:
    Image.fromarray(numbered(12)).save(tmp_path / "a.sgi")
    assert number_in(picture_of(tmp_path / "a.sgi")) == 12


def test_an_animation_is_a_video(tmp_path: Path) -> None:
    pages = [Image.fromarray(numbered(number)) for number in (1, 2, 3)]
    pages[0].save(tmp_path / "a.gif", save_all=True, append_images=pages[1:], duration=100)
    assert numbers([one.pixels for one in read((tmp_path / "a.gif").as_uri()).seen]) == [1, 2, 3]


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "LA", "I;16", "1"])
def test_a_picture_is_rgb_whatever_its_mode(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(numbered(13)).convert("L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        image = grey.convert("RGB").convert(mode)
    image.save(tmp_path / "a.tiff")
    assert number_in(picture_of(tmp_path / "a.tiff")) == 13


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert picture_of(tmp_path / "a.png").min() == 255


def test_a_picture_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is at the right
    turned = Image.fromarray(np.rot90(numbered(14)).copy())
    turned.save(tmp_path / "a.jpg", exif=exif)
    assert number_in(picture_of(tmp_path / "a.jpg")) == 14


def test_a_huge_picture_is_scaled_down(tmp_path: Path) -> None:
    Image.fromarray(numbered(15, 4800, 3000)).save(tmp_path / "a.bmp")
    pixels = picture_of(tmp_path / "a.bmp")
    assert number_in(pixels) == 15
    assert pixels.shape[0] * pixels.shape[1] <= 3840 * 2160


def test_a_picture_is_shown_about_once_a_second_and_read_again_when_it_changes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(numbered(1)).save(path)
    shown = []
    with open_source(path.as_uri(), TERMS) as source:
        for captured, pixels in pictures(source):
            shown.append((captured, number_in(pixels)))
            if len(shown) == 1:
                path.write_bytes(path.read_bytes()[:100])  # somebody has begun to write
            elif len(shown) == 2:
                Image.fromarray(numbered(2)).save(path)
            else:
                break
    assert [number for _, number in shown] == [1, 1, 2]
    assert np.diff([at for at, _ in shown]) == pytest.approx([1, 1], abs=0.2)


def test_a_picture_that_is_taken_away_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(numbered(1)).save(path)
    Timer(0.3, path.unlink).start()
    got = read(path.as_uri())
    assert (len(got.seen), got.error) == (1, "no such file")

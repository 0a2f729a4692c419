"""
A program that films, to be run as a child: `filming.py mjpeg --count 3 --then fail`.

The number in each picture is the time, so whoever reads it knows how old it is. What it can
do badly is told by its arguments.
"""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep, time

sys.path.insert(0, str(Path(__file__).parents[2]))

import av

from bus.jpeg import encode_jpeg
from tests.pictures import BITS, numbered

FPS = 30
SIZE = 320, 240
RAW = {"bgrx": "bgra", "rgbx": "rgba", "yuyv": "yuyv422"}  # as FFmpeg calls them


def number_now() -> int:
    return int(time() * FPS) % (1 << BITS)


def age_s(number: int) -> float:
    """How long ago the picture was taken that shows *number*."""
    return ((number_now() - number) % (1 << BITS)) / FPS


def numbers(count: int) -> Iterator[int]:
    """As time goes by."""
    last = -1
    while count:
        if (number := number_now()) != last:
            last, count = number, count - 1
            yield number
        sleep(0.003)


def film(name: str, count: int, out: int) -> None:
    if name in ("h264", "mpegts"):
        film_stream(name, count)
        return
    encode: Callable[[int], bytes] = jpeg if name != "raw" else raw
    if name not in ("mjpeg", "raw"):
        encode = LayoutEncoder(name)
    for number in numbers(count):
        write(out, encode(number))


def write(out: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]


def jpeg(number: int) -> bytes:
    return encode_jpeg(numbered(number, *SIZE))


def raw(number: int) -> bytes:
    return numbered(number, *SIZE).tobytes()


class LayoutEncoder:
    def __init__(self, name: str) -> None:
        self._format = RAW.get(name, name)

    def __call__(self, number: int) -> bytes:
        frame = av.VideoFrame.from_ndarray(numbered(number, *SIZE), "rgb24")
        return frame.reformat(format=self._format).to_ndarray().tobytes()


def film_stream(name: str, count: int) -> None:
    options = {"flush_packets": "1"}
    with av.open(sys.stdout.buffer, "w", format=name, options=options) as file:
        video = file.add_stream("libx264", rate=FPS, options={"tune": "zerolatency", "g": "15"})
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.codec_context.thread_count = 1
        for place, number in enumerate(numbers(count)):
            frame = av.VideoFrame.from_ndarray(numbered(number, *SIZE), "rgb24")
            frame.pts = place
            file.mux(video.encode(frame))


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("format")
    asked.add_argument("--count", type=int, default=-1)
    asked.add_argument("--then", choices=("end", "hang", "fail"), default="end")
    asked.add_argument("--fd", type=int, default=1)
    asked.add_argument("--say", default="")
    asked.add_argument("--pid", type=Path, help="where to write it, once pictures come")
    asked.add_argument("--stubborn", action="store_true", help="with a child that is so, too")
    given = asked.parse_args()
    if given.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    if given.pid:
        given.pid.write_text(str(os.getpid()))
    if given.fd != 1:
        os.write(1, b"a library that likes to talk\n" * 200)
    film(given.format, given.count, given.fd)
    os.write(2, given.say.encode())
    if given.then == "hang":
        sleep(60)
    sys.exit(7 if given.then == "fail" else 0)


if __name__ == "__main__":
    main()

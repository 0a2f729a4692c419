"""What is replayed: the pictures of a recording with their times, as fast as they can be had."""

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from av.container import InputContainer
from av.error import InvalidDataError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from bus.errors import CameraError
from capture.demo.render import Renderer
from capture.demo.script import PERIOD_S
from capture.feed import Pacer
from capture.reasons import reading
from capture.source import Pixels, Terms
from capture.sources.demo import Film, film_of
from capture.sources.file import path_of
from capture.video import FORMATS, Converter, open_video, packets_of

FPS = 25.0  # of a recording that does not say
SECONDS = re.compile(r"[?&]seconds=([0-9]+(?:\.[0-9]+)?)(?=&|$)")


@dataclass(frozen=True)
class Moment:
    """A picture that a camera would have published."""

    at_s: float  # since the beginning
    number: int  # 1 for the first
    pixels: Pixels


@dataclass(frozen=True)
class Recording:
    name: str
    seconds: float | None  # None: it does not say
    moments: Iterator[Moment]


@contextmanager
def open_recording(clip: str, fps: float) -> Generator[Recording]:
    """
    A file, or the demo camera for a while: `demo:?seconds=120`; *fps* pictures a second at most.

    Raise `CameraError` with the reason, then or while it is read.
    """
    if clip.startswith("demo:"):
        yield _drawn(clip, fps)
        return
    if urlsplit(clip).scheme not in ("", "file") and not Path(clip).exists():
        raise CameraError(f"{clip}: replay reads files, and demo:?seconds=120")
    path = path_of(clip) if clip.startswith("file:") else clip
    try:
        with open_video(path, Terms(), {"format_whitelist": FORMATS}) as (container, video):
            moments = _moments(container, video, fps)
            yield Recording(Path(path).name, _seconds(container), moments)
    except CameraError as error:
        raise CameraError(f"{clip}: {error}") from error


def demo_of(clip: str) -> tuple[Film, float]:
    """What the demo camera shows, and for how long. Raise `CameraError` for what it cannot."""
    asked = SECONDS.search(clip)
    film = film_of(SECONDS.sub("", clip).replace("demo:&", "demo:?"))
    return film, float(asked[1]) if asked else PERIOD_S


def _drawn(clip: str, fps: float) -> Recording:
    """At 10 s it shows what the demo camera's script has for 10 s."""
    film, seconds = demo_of(clip)
    return Recording(clip, seconds, _draw(film, seconds, fps))


def _draw(film: Film, seconds: float, fps: float) -> Iterator[Moment]:
    renderer, pacer = Renderer(film.width, film.height), Pacer(fps)
    number = 0
    while (number := number + 1) <= seconds * film.fps:
        if pacer.due(at_s := number / film.fps):
            yield Moment(at_s, number, renderer.render(film.scene(number), number))


def _seconds(container: InputContainer) -> float | None:
    return container.duration / 1e6 if container.duration else None


def _moments(container: InputContainer, video: VideoStream, fps: float) -> Iterator[Moment]:
    converter, pacer = Converter(), Pacer(fps)
    first_s: float | None = None
    at_s, interval_s = 0.0, 1 / float(video.average_rate or FPS)
    for number, frame in enumerate(_frames(container, video), 1):
        if frame.time is None:
            at_s += interval_s if number > 1 else 0.0
        else:
            first_s = frame.time if first_s is None else first_s
            at_s = max(at_s, frame.time - first_s)
        if pacer.due(at_s):
            yield Moment(at_s, number, converter.pixels(frame))


def _frames(container: InputContainer, video: VideoStream) -> Iterator[VideoFrame]:
    video.thread_type = "AUTO"  # a live camera is decoded with less delay, this with more speed
    found = False
    with reading(Terms().stall_s):
        for packet in packets_of(container, video):
            try:
                frames = [one for one in packet.decode() if isinstance(one, VideoFrame)]
            except InvalidDataError:  # the next one may be whole
                continue
            found = found or bool(frames)
            yield from frames
    if not found:
        raise CameraError("there is no picture in it")

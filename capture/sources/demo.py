"""
The demo camera: a drawn yard in which things happen. `demo:?fps=5&size=640x360&speed=2`

`weather=rain`, or several with commas, makes it harder to see; `capture.demo.bad_weather`
has them all.

A picture is drawn when it is published and never left out: number n (a frame's `seq`,
1 for the first) shows the scene at n / fps * speed seconds. So whoever has a frame knows
what is to be seen on it; where there is no time to draw so many, the scene gets slower.
"""

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from urllib.parse import parse_qsl, urlsplit

from bus.errors import CameraError
from capture.demo.bad_weather import WEATHERS, Weather, under
from capture.demo.render import Renderer
from capture.demo.scene import Scene
from capture.demo.script import scene_at
from capture.source import Pixels, Shot, Source, Terms, Watched
from capture.video import now


@dataclass(frozen=True)
class Film:
    """What the URL asks for."""

    width: int = 1280
    height: int = 720
    fps: float = 15.0
    speed: float = 1.0  # of what happens, not of the pictures
    weather: tuple[Weather, ...] = ()

    def scene_s(self, seq: int) -> float:
        """The moment of the story that frame *seq* shows; see `capture.demo.script`."""
        return seq / self.fps * self.speed

    def scene(self, seq: int) -> Scene:
        at_s = self.scene_s(seq)
        return under(scene_at(at_s), self.weather, at_s)


def film_of(url: str) -> Film:
    """Raise `CameraError` for a query that cannot be met."""
    asked = dict(parse_qsl(urlsplit(url).query))
    size = re.fullmatch(r"(\d{2,4})x(\d{2,4})", asked.pop("size", "1280x720"))
    try:
        fps, speed = float(asked.pop("fps", 15)), float(asked.pop("speed", 1))
    except ValueError as error:
        raise CameraError("fps and speed of the demo are numbers") from error
    weather = weather_of(asked.pop("weather", ""))
    if asked or not size or not 0.5 <= fps <= 60 or not 0 <= speed <= 1000:
        raise CameraError("write demo:?fps=15&size=1280x720&speed=1, or less")
    return Film(int(size[1]), int(size[2]), fps, speed, weather)


def weather_of(words: str) -> tuple[Weather, ...]:
    asked = set(words.split(",")) - {""}
    if unknown := asked - set(WEATHERS):
        known = ", ".join(WEATHERS)
        raise CameraError(f"no weather {', '.join(sorted(unknown))} in the demo; it has {known}")
    return tuple(word for word in WEATHERS if word in asked)


class Demo:
    live, codec = True, "drawn"

    def __init__(self, film: Film) -> None:
        self._film, self._renderer = film, Renderer(film.width, film.height)
        self._drawn = 0

    def frames(self, watched: Watched) -> Iterator[Shot]:
        due = monotonic()
        while True:
            yield now(self._draw)
            due = max(due + 1 / self._film.fps, monotonic())
            sleep(due - monotonic() if due > monotonic() else 0)

    def _draw(self) -> Pixels:
        self._drawn += 1
        return self._renderer.render(self._film.scene(self._drawn), self._drawn)


@contextmanager
def open(url: str, terms: Terms) -> Generator[Source]:
    yield Demo(film_of(url))

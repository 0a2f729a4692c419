"""
What runs at each path: pictures, drawn on and encoded once, for however many watch.

A program lives while somebody watches it; one that nobody watches costs nothing.
"""

import asyncio
import gc
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic, time
from typing import Protocol

from bus.answers import Answers
from bus.cameras import CAMERA_ID, Cameras
from bus.errors import UnknownCamera
from bus.overlay import Said
from bus.redis import translated
from bus.standings import Standings
from bus.subscriber import open_subscriber
from preview.encoder import Film
from preview.feed import Feed
from preview.rtp import Unit
from preview.settings import PreviewSettings
from preview.studio import Studio

log = logging.getLogger(__name__)

OUT = "out"  # the path of the camera that was last asked
HURRY_S = 3.0  # players count the first pictures; a slow camera's would take them long
AGAIN_S = 1.0  # after a failure of ours


class Watcher(Protocol):
    def show(self, unit: Unit) -> None: ...


@dataclass(frozen=True)
class Source:
    """Where all programs take their pictures and answers from."""

    settings: PreviewSettings
    film: Film
    cameras: Cameras
    answers: Answers
    standings: Standings
    threads: ThreadPoolExecutor  # where drawing and encoding blocks

    def out(self) -> str:
        """The camera last asked or alerted; empty when there is none."""
        asked, alerted = self.answers.asked_at, self.standings.alerted_at
        return self.standings.alerted if alerted > asked else self.answers.camera()


class Program:
    """One path."""

    def __init__(self, path: str, source: Source) -> None:
        self.path, self.watchers = path, set[Watcher]()
        self.encoded = 0  # pictures
        self._source, self._key_wanted, self._hurry_until = source, True, 0.0

    def want_key(self) -> None:
        self._key_wanted = True

    def add(self, watcher: Watcher) -> None:
        self.watchers.add(watcher)
        self._hurry_until = monotonic() + HURRY_S

    async def run(self) -> None:
        """
        While somebody watches. It ends by itself: cancelled, it would leave its last
        pictures and its encoder in a traceback until the collector comes round.
        """
        while self.watchers:
            try:
                await self._run()
            except Exception:  # one path must not take the others with it
                log.exception("preview crashed path=%s", self.path)
                await asyncio.sleep(AGAIN_S)

    async def _run(self) -> None:
        source, settings = self._source, self._source.settings
        which = source.out if self.path == OUT else lambda: self.path
        with open_subscriber(source.cameras, settings.run_dir) as frames:
            feed = Feed(frames, source.cameras, which, source.film.fps, settings.camera_idle_s)
            await self._play(feed)

    async def _play(self, feed: Feed) -> None:
        source, loop = self._source, asyncio.get_running_loop()
        studio = await loop.run_in_executor(
            source.threads, Studio, source.film, source.settings.preview_fade_s
        )
        while self.watchers:
            shot = await feed.next(hurry=monotonic() < self._hurry_until)
            said = Said(source.answers.of(shot.camera), source.standings.notes(shot.camera))
            unit = await loop.run_in_executor(
                source.threads, studio.encode, shot, said, self._key_wanted, time()
            )
            self.encoded += 1
            if unit.key:
                self._key_wanted = False
            for watcher in tuple(self.watchers):
                watcher.show(unit)


class Programs:
    """Those that are on. `run` must run beside."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._live: dict[str, Program] = {}
        self._encoded = 0  # by those that are over
        self._tasks: asyncio.TaskGroup

    @property
    def live(self) -> list[str]:
        """Paths that somebody watches."""
        return sorted(path for path, program in self._live.items() if program.watchers)

    @property
    def encoded(self) -> int:
        """Pictures, since the process started."""
        return self._encoded + sum(program.encoded for program in self._live.values())

    async def run(self) -> None:
        async with asyncio.TaskGroup() as self._tasks:
            await asyncio.Event().wait()

    async def check(self, path: str) -> None:
        """Raise `UnknownCamera` when nothing is to be seen at *path*; `Unavailable`."""
        if path == OUT:
            return
        async with translated():
            if not CAMERA_ID.fullmatch(path) or await self._source.cameras.get(path) is None:
                raise UnknownCamera("there is no camera of this name")

    def join(self, path: str, watcher: Watcher) -> None:
        """Show *watcher* what is at *path* from now on, until it leaves."""
        if program := self._live.get(path):
            program.add(watcher)
            return
        program = self._live[path] = Program(path, self._source)
        program.add(watcher)
        self._tasks.create_task(self._keep(program))

    def leave(self, path: str, watcher: Watcher) -> None:
        if program := self._live.get(path):
            program.watchers.discard(watcher)

    def want_key(self, path: str) -> None:
        if program := self._live.get(path):
            program.want_key()

    async def _keep(self, program: Program) -> None:
        await program.run()
        del self._live[program.path]
        self._encoded += program.encoded
        gc.collect()  # fonts in cycles, half a megabyte; `bus.process` lets it come seldom

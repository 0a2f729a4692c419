"""
Cameras as moving pictures: each picture is made once, however many clients look at it.

Nothing runs by itself: a picture is made when a client wants one newer than those that
there are, and all who want one meanwhile get the same.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from api.painting import Look, Painter, headers
from bus.answers import Answers
from bus.cameras import Cameras
from bus.errors import CameraTimeout, LookoutError, Overloaded
from bus.overlay import Said
from bus.redis import translated
from bus.standings import Standings
from bus.subscriber import Frame, FrameSubscriber

FIRST_S = 5.0  # how long the first picture may take
QUIET_S = 1.0  # without a new frame for so long, the last one is shown again, or a card
FRESH_S = 0.05  # a picture no older than this is as good as a new one
TOUCH_S = 20.0  # a camera that is looked at is a camera that is used


@dataclass(frozen=True)
class Picture:
    jpeg: bytes
    headers: dict[str, str]
    trouble: LookoutError | None = None  # then it is a card that says so
    made: float = field(default_factory=monotonic)


@dataclass(frozen=True)
class Sources:
    """Where screens have their frames and texts from; *fade_s* is how long an answer is shown."""

    frames: FrameSubscriber
    cameras: Cameras
    answers: Answers
    standings: Standings
    fade_s: float
    camera_idle_s: float

    def said(self, camera: str) -> Said:
        return Said(self.answers.of(camera), self.standings.notes(camera))


class Screen:
    """One look at a camera, for all who share it. Use `Screens.open`."""

    def __init__(self, look: Look, sources: Sources) -> None:
        self.viewers = 0
        self.made = 0  # pictures
        self._look, self._sources = look, sources
        self._painter = Painter(look, sources.fade_s)
        self._newest: Picture | None = None
        self._making: asyncio.Task[Picture] | None = None
        self._after = 0.0  # when the newest frame was captured
        self._touched = 0.0

    async def first(self) -> Picture:
        """What there is to see; raise the camera's error when that is nothing."""
        picture = await self.next(None)
        if picture.trouble:
            raise picture.trouble
        return picture

    async def next(self, seen: Picture | None) -> Picture:
        """A picture other than the one that the client has *seen*; there always is another."""
        newest = self._newest
        if newest and newest is not seen and monotonic() - newest.made < FRESH_S:
            return newest
        if self._making is None or self._making.done():
            self._making = asyncio.create_task(self._make())
            self._making.add_done_callback(_retrieve)
        return await asyncio.shield(self._making)

    async def _make(self) -> Picture:
        try:
            async with translated():
                frame = await self._frame()
            said = self._sources.said(self._look.camera)
            jpeg = await asyncio.to_thread(self._painter.frame, frame, said)
            return self._show(Picture(jpeg, headers(frame)))
        except LookoutError as error:
            if self._newest is None:
                raise
            return self._show(await self._card(error, self._newest))

    def _show(self, picture: Picture) -> Picture:
        self._newest = picture
        self.made += 1
        return picture

    async def _frame(self) -> Frame:
        sources, camera = self._sources, self._look.camera
        try:
            wait_s = QUIET_S if self._newest else FIRST_S
            frame = await sources.frames.newest(camera, wait_s, self._after)
        except CameraTimeout:  # it is slow, it has stopped, or its clock was set back
            frame = await sources.frames.newest(camera, 0.0)
        self._after = frame.descriptor.captured_at
        if monotonic() - self._touched > min(TOUCH_S, sources.camera_idle_s / 3):
            self._touched = monotonic()
            await sources.cameras.touch(camera, sources.camera_idle_s)
        return frame

    async def _card(self, error: LookoutError, before: Picture) -> Picture:
        """At once when the trouble begins; then when the camera changes, or a second later."""
        if before.trouble:
            await self._sources.cameras.changed(self._look.camera, QUIET_S)
        text = "it gives no frames" if isinstance(error, CameraTimeout) else str(error)
        jpeg = await asyncio.to_thread(self._painter.card, text)
        return Picture(jpeg, {"x-camera-error": error.code}, error)

    def close(self) -> None:
        if self._making:
            self._making.cancel()


def _retrieve(task: asyncio.Task[Picture]) -> None:
    """Have its error seen, though everyone who asked may have left."""
    if not task.cancelled():
        task.exception()


class Screens:
    """At most *most* clients look at a time."""

    def __init__(self, sources: Sources, most: int) -> None:
        self._sources, self._most = sources, most
        self.open_now: dict[Look, Screen] = {}

    @property
    def viewers(self) -> int:
        return sum(screen.viewers for screen in self.open_now.values())

    @contextmanager
    def open(self, look: Look) -> Iterator[Screen]:
        """For one client; raise `Overloaded` when there are enough of them."""
        if self.viewers >= self._most:
            raise Overloaded(f"{self._most} previews are open: see LOOKOUT_MAX_PREVIEWS")
        if look not in self.open_now:
            self.open_now[look] = Screen(look, self._sources)
        screen = self.open_now[look]
        screen.viewers += 1
        try:
            yield screen
        finally:
            screen.viewers -= 1
            if not screen.viewers:
                del self.open_now[look]
                screen.close()

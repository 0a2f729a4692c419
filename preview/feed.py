"""
One picture after the other of the camera that a path shows, whatever becomes of the camera.

There is always a next one: a stream without pictures would end for its players.
"""

import asyncio
from collections.abc import Callable
from time import monotonic, time

from bus.cameras import Cameras
from bus.errors import CameraError, CameraTimeout, UnknownCamera
from bus.redis import AWAY
from bus.subscriber import STALE_FRAMES, STALE_S, Frame, FrameSubscriber
from preview.shot import Shot

HOLD_S = 0.2  # without a frame for so long, the last one is shown again
HURRIED = 1.5  # intervals between frames, while a player looks at the first few to know the stream
ANSWER_S = 1.0  # for Redis, which may be away
TOUCH_S = 20.0  # a camera that is watched is a camera that is used
GONE, MUTE = "there is no camera of this name any more", "Redis does not answer"


class Pacer:
    """Which frames to show so that there are *fps* of them at most, evenly."""

    def __init__(self, fps: float) -> None:
        self._step_s = 1 / fps
        self._due = 0.0

    @property
    def after(self) -> float:
        """A frame captured later than this is due."""
        return self._due - self._step_s / 2

    def took(self, at: float) -> None:
        late = not self.after < at < self._due + self._step_s / 2
        self._due = (at if late else self._due) + self._step_s


class Feed:
    """*which* names the camera, another one any time."""

    def __init__(
        self,
        frames: FrameSubscriber,
        cameras: Cameras,
        which: Callable[[], str],
        fps: float,
        idle_s: float,
    ) -> None:
        self._frames, self._cameras, self._which = frames, cameras, which
        self._fps, self._idle_s, self._hold_s = fps, idle_s, HOLD_S
        self._begun = False
        self._begin("")

    def _begin(self, camera: str) -> None:
        self._camera, self._pacer = camera, Pacer(self._fps)
        self._last: tuple[str, int] | None = None  # instance and number of the frame
        self._seen = 0.0  # when, monotonic
        self._touched = 0.0

    async def next(self, *, hurry: bool) -> Shot:
        """Return within about a second, with a frame as soon as there is one."""
        self._hold_s = min(HOLD_S, HURRIED / self._fps) if hurry else HOLD_S
        if (camera := self._which()) != self._camera:
            self._begin(camera)
        if not camera:
            await asyncio.sleep(self._hold_s if self._begun else 0)
            self._begun = True
            return self._again("")
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._frame()
        except (TimeoutError, *AWAY):
            await asyncio.sleep(self._hold_s)
            return self._again(MUTE)

    async def _frame(self) -> Shot:
        try:
            frame = await self._fresh()
            await self._touch()
        except UnknownCamera:
            await self._cameras.changed(self._camera, self._hold_s)
            return self._again(GONE)
        except CameraTimeout:
            return self._again(await self._silence())
        except CameraError:
            await self._cameras.changed(self._camera, self._hold_s)
            return self._again(await self._silence())
        return self._shot(frame)

    async def _fresh(self) -> Frame:
        try:
            return await self._frames.newest(self._camera, self._hold_s, self._pacer.after)
        except CameraTimeout:  # it is slow, it has stopped, or its clock was set back
            frame = await self._frames.newest(self._camera, 0.0)
            if self._place(frame) == self._last:
                raise
            return frame

    def _shot(self, frame: Frame) -> Shot:
        captured_at, now = frame.descriptor.captured_at, monotonic()
        self._pacer.took(captured_at)
        self._last, self._seen = self._place(frame), now
        # By our own clock: a frame from another host has that host's.
        return Shot(self._camera, frame.pixels, captured_at, now - frame.age_s)

    def _place(self, frame: Frame) -> tuple[str, int]:
        return frame.descriptor.instance, frame.descriptor.seq

    def _again(self, trouble: str) -> Shot:
        return Shot(self._camera, None, time(), monotonic(), trouble)

    async def _silence(self) -> str:
        """What to say of a camera that gives no frame; nothing, if that is not strange yet."""
        status = await self._cameras.get(self._camera)
        if status is None:
            return GONE
        quiet_s = monotonic() - self._seen
        usual_s = max(STALE_S, STALE_FRAMES / status.fps_in if status.fps_in else 0.0)
        if self._seen and quiet_s < usual_s and status.state == "live":
            return ""
        since = f"no picture for {quiet_s:.0f} s" if self._seen else "no picture yet"
        return f"{since}: {status.error}" if status.error else since

    async def _touch(self) -> None:
        """Keep a camera open that only requests have named. Not one that is down: it may rest."""
        if monotonic() - self._touched > min(TOUCH_S, self._idle_s / 3):
            self._touched = monotonic()
            await self._cameras.touch(self._camera, self._idle_s)

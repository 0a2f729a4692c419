"""
Reading frames: the newest one of any camera, wherever its capture process runs.

On the same host the pixels are copied out of the ring; from another one they come as
JPEG. The caller sees no difference.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic, time

import zmq
import zmq.asyncio

from bus import names
from bus.cameras import Cameras, CameraStatus, missing
from bus.errors import CameraError, CameraStale, CameraTimeout
from bus.frames import LENGTH, ring_path
from bus.jpeg import Pixels, decode_jpeg
from bus.messages import FrameDescriptor, decode_descriptor
from bus.ring import RingReader

STALE_S, STALE_FRAMES = 3.0, 3.0  # whichever is longer
LOOK_AGAIN_S = 1.0  # without a frame: has another process taken the camera over?
CHECK_S = 1.0  # how long a link is believed, unless the camera is said to have changed
FORGET_S = 30.0  # a camera nobody asks about is not listened to, so that it may rest


@dataclass(frozen=True)
class Frame:
    descriptor: FrameDescriptor
    pixels: Pixels
    local: bool

    @property
    def age_s(self) -> float:
        """Time since capture; between hosts it is as right as their clocks."""
        captured = self.descriptor
        return monotonic() - captured.captured_mono if self.local else time() - captured.captured_at


class _Link:
    """One camera of one capture process: its socket and, on this host, its ring."""

    def __init__(
        self,
        socket: zmq.asyncio.Socket,
        topic: bytes,
        ring: RingReader | None,
        status: CameraStatus,
    ) -> None:
        self.instance, self.endpoint = status.instance, status.endpoint
        self.used = monotonic()
        self._checked, self._changed, self._fps = 0.0, asyncio.Event(), 0.0
        self._socket, self._topic, self._ring = socket, topic, ring
        self._now: zmq.Socket[bytes] = zmq.Socket.shadow(socket)  # the same one, without waiting
        self._message: bytes | None = None

    def check(self, status: CameraStatus, changed: asyncio.Event) -> None:
        """Note that it fits *status*, which holds until *changed*."""
        self._checked, self._changed, self._fps = monotonic(), changed, status.fps_in

    @property
    def is_current(self) -> bool:
        if self._changed.is_set() or monotonic() - self._checked >= CHECK_S:
            return False
        return self._ring is None or self._ring.path.exists()  # a camera that is closed has none

    def is_fresh(self, frame: Frame) -> bool:
        """A slow camera may take its time; of another one, an old frame is a sign of trouble."""
        return frame.age_s < max(STALE_S, STALE_FRAMES / self._fps if self._fps else 0.0)

    async def newest(self, after: float, within_s: float) -> Frame | None:
        """The newest frame captured after *after*; the next one, if it comes *within_s*."""
        frame = await self._at_once(after)
        if frame is None and await self._hears(within_s):
            frame = await self._at_once(after)
        return frame

    async def _hears(self, within_s: float) -> bool:
        """Whether there is a message *within_s*; there is none of a link that is closed."""
        try:
            heard = await self._socket.poll(max(1, round(within_s * 1000)))
        except asyncio.CancelledError:
            # Whoever closes a socket ends all waits for it, as if their tasks had been cancelled.
            task = asyncio.current_task()
            if not self._socket.closed or (task and task.cancelling()):
                raise
            return False
        return bool(heard) and not self._socket.closed

    async def _at_once(self, after: float) -> Frame | None:
        frame = await self._read(after)
        return frame if frame and self.is_fresh(frame) else None

    async def glance(self, after: float, within_s: float) -> FrameDescriptor | None:
        """As `newest`, but without the pixels."""
        found = self._drain(after)
        if found is None and await self._hears(within_s):
            found = self._drain(after)
        return found[0] if found else None

    async def _read(self, after: float) -> Frame | None:
        found = self._drain(after)
        if found is None:
            return None
        descriptor, jpeg = found
        if self._ring is None:
            pixels = await asyncio.to_thread(decode_jpeg, jpeg)
            return Frame(descriptor, pixels, local=False)
        copied = self._ring.read(
            descriptor.slot, descriptor.generation, descriptor.height, descriptor.width
        )
        return None if copied is None else Frame(descriptor, copied, local=True)

    def _drain(self, after: float) -> tuple[FrameDescriptor, memoryview] | None:
        """The newest message, if it is about a frame captured after *after*: and its JPEG."""
        with suppress(zmq.Again):
            while True:  # looking for one takes an older one out of its place:
                self._message = self._now.recv(zmq.NOBLOCK)  # so CONFLATE leaves up to two
        if self._message is None:
            return None
        payload = memoryview(self._message)[len(self._topic) :]
        length, head = len(payload), 0
        if self._ring is None:
            (length,), head = LENGTH.unpack_from(payload), LENGTH.size
        descriptor = decode_descriptor(bytes(payload[head : head + length]))
        is_ours = self._ring is None or descriptor.instance == self.instance
        return (
            (descriptor, payload[head + length :])
            if is_ours and descriptor.captured_at > after
            else None
        )

    def close(self) -> None:
        self._socket.close()
        if self._ring is not None:
            self._ring.close()


def _open_link(context: zmq.asyncio.Context, status: CameraStatus, run_dir: str) -> _Link | None:
    """None when its frames cannot be had from here, or not any more."""
    ring: RingReader | None = None
    try:
        ring = RingReader(ring_path(run_dir, status.id, status.instance))
        address, topic = status.endpoint, names.frame_topic(status.id)
    except FileNotFoundError:
        address, topic = status.remote, names.jpeg_topic(status.id)
    if not address:
        return None
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.CONFLATE, 1)  # keep the newest message only
    socket.setsockopt(zmq.SUBSCRIBE, topic)
    socket.connect(address)
    return _Link(socket, topic, ring, status)


class FrameSubscriber:
    """Newest frames by camera id. Use `open_subscriber`."""

    def __init__(self, cameras: Cameras, run_dir: str, context: zmq.asyncio.Context) -> None:
        self._cameras, self._run_dir, self._context = cameras, run_dir, context
        self._links: dict[str, _Link] = {}
        self._forgetting: asyncio.TimerHandle | None = None

    async def newest(self, camera: str, within_s: float, after: float = 0.0) -> Frame:
        """
        The newest frame of *camera*; the next one if none was captured after *after* (unix s).

        Raise `UnknownCamera`; `CameraError` when it is down; `CameraStale` when its frames
        stopped; `CameraTimeout` when none came *within_s*.
        """
        deadline = monotonic() + within_s
        while True:
            link, left_s = await self._link(camera), deadline - monotonic()
            wait_s = max(0.0, min(left_s, LOOK_AGAIN_S))
            if link and (frame := await link.newest(after, wait_s)):
                return frame
            if left_s <= 0:
                hint = "" if link else ": is it on another host, without LOOKOUT_FRAMES_TCP?"
                raise CameraTimeout(f"camera {camera} gave no frame within {within_s:g} s{hint}")
            if link is None:
                await self._cameras.changed(camera, wait_s)

    async def glance(self, camera: str, within_s: float, after: float) -> FrameDescriptor | None:
        """
        What the newest frame captured after *after* (unix s) is; None if none comes *within_s*.

        Raise as `newest` does.
        """
        link = await self._link(camera)
        if link is None:
            await self._cameras.changed(camera, within_s)
            return None
        return await link.glance(after, within_s)

    async def series(self, camera: str, count: int, span_s: float, within_s: float) -> list[Frame]:
        """*count* frames spread over *span_s* from now on, oldest first, all different."""
        frames = [await self.newest(camera, within_s)]
        start = monotonic()
        for number in range(1, count):
            await asyncio.sleep(start + span_s * number / (count - 1) - monotonic())
            frames.append(await self.newest(camera, within_s, frames[-1].descriptor.captured_at))
        return frames

    async def _link(self, camera: str) -> _Link | None:
        """A link to *camera* as it is now; None while it has no frames yet."""
        link = self._links.get(camera)
        if link is None or not link.is_current:
            link = await self._renew(camera)
        if link:
            link.used = monotonic()
        return link

    async def _renew(self, camera: str) -> _Link | None:
        changed = self._cameras.next_change(camera)  # before the question, not to miss one
        status = await self._cameras.get(camera)
        if status is None:
            raise missing(camera)
        if status.state == "down":
            raise CameraError(f"camera {camera} is down: {status.error}")
        if status.state == "stale":
            raise CameraStale(f"camera {camera} gives no frames: {status.error}")
        link = self._links.get(camera)
        if link and (link.instance, link.endpoint) != (status.instance, status.endpoint):
            self._links.pop(camera).close()
            link = None
        if link is None and status.instance:
            link = _open_link(self._context, status, self._run_dir)
        if link:
            link.check(status, changed)
            self._links[camera] = link
            self._forget_later()
        return link

    def _forget_later(self) -> None:
        if self._forgetting is None:
            loop = asyncio.get_running_loop()
            self._forgetting = loop.call_later(FORGET_S / 2, self._forget_unused)

    def _forget_unused(self) -> None:
        self._forgetting = None
        for camera, link in list(self._links.items()):
            if monotonic() - link.used > FORGET_S:
                self._links.pop(camera).close()
        if self._links:
            self._forget_later()

    def close(self) -> None:
        if self._forgetting:
            self._forgetting.cancel()
        for link in self._links.values():
            link.close()


@contextmanager
def open_subscriber(cameras: Cameras, run_dir: str) -> Iterator[FrameSubscriber]:
    with zmq.asyncio.Context() as context:
        subscriber = FrameSubscriber(cameras, run_dir, context)
        try:
            yield subscriber
        finally:
            subscriber.close()

"""
Publishing frames: pixels into the camera's ring, a descriptor on its ZeroMQ topic.

Readers on other hosts subscribe to the JPEG topic of the same socket; a picture is
encoded for them once, and only while one of them listens. The last message of a topic
is repeated when somebody subscribes, so a new reader waits for nothing.
"""

import hashlib
import os
import secrets
import struct
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import zmq
import zmq.asyncio

from bus import names
from bus.errors import BadSettings
from bus.jpeg import Pixels, encode_jpeg
from bus.messages import FrameDescriptor, encode
from bus.ring import RingWriter

LENGTH = struct.Struct("<I")  # of the descriptor that precedes a JPEG
_SOCKET_PATH = 100  # bytes; the kernel allows 107


def ring_path(run_dir: str, camera: str, instance: str) -> Path:
    return Path(run_dir) / f"{camera}.{instance}.ring"


def socket_dir(run_dir: str) -> Path:
    """Where sockets lie: *run_dir*, or a short stand-in for one whose path is too long."""
    path = Path(run_dir).absolute()
    if len(os.fsencode(path)) > _SOCKET_PATH - 40:
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
        path = Path(tempfile.gettempdir()) / f"lookout-{os.getuid()}-{name}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def leave_socket_dir(run_dir: str) -> None:
    """Remove the stand-in, if *run_dir* has one and nobody else is in it."""
    path = socket_dir(run_dir)
    if path != Path(run_dir).absolute():
        with suppress(OSError):
            path.rmdir()


class FramePublisher:
    """The one PUB socket of a capture process. `run` must run beside."""

    def __init__(self, socket: zmq.asyncio.Socket, endpoint: str, remote: str) -> None:
        self.endpoint, self.remote = endpoint, remote
        self._socket = socket
        self._last: dict[bytes, bytes] = {}  # topic -> last message
        self._subscribed: set[bytes] = set()  # topics that somebody listens to

    async def run(self) -> None:
        """Answer each new subscription with the last message of its topic."""
        while True:
            message = await self._socket.recv()
            topic = message[1:]
            if message[:1] == b"\x00":  # its last subscriber has left
                self._subscribed.discard(topic)
                continue
            self._subscribed.add(topic)
            if topic in self._last:
                self._send(self._last[topic])

    def wants_jpeg(self, camera: str) -> bool:
        return names.jpeg_topic(camera) in self._subscribed

    def is_watched(self, camera: str) -> bool:
        return names.frame_topic(camera) in self._subscribed or self.wants_jpeg(camera)

    def announce(self, descriptor: FrameDescriptor, jpeg: bytes | None) -> None:
        """Send *descriptor* to its topic. Call it in the event loop's thread."""
        data = encode(descriptor)
        self._publish(names.frame_topic(descriptor.camera), data)
        if jpeg is not None:
            topic = names.jpeg_topic(descriptor.camera)
            self._publish(topic, LENGTH.pack(len(data)) + data + jpeg)

    def forget(self, camera: str) -> None:
        """Who subscribes from now on gets nothing before the next frame."""
        self._last.pop(names.frame_topic(camera), None)
        self._last.pop(names.jpeg_topic(camera), None)

    def _publish(self, topic: bytes, payload: bytes) -> None:
        self._last[topic] = topic + payload
        self._send(topic + payload)

    def _send(self, message: bytes) -> None:
        # Done at once, always: PUB drops for a slow reader, who gets a later frame.
        self._socket.send(message)


@asynccontextmanager
async def open_publisher(
    run_dir: str, process: str, remote: str = ""
) -> AsyncGenerator[FramePublisher]:
    """*remote* is a `tcp://address:port` to bind for readers on other hosts, or empty."""
    path = socket_dir(run_dir) / f"frames-{process}.sock"
    endpoint = f"ipc://{path}"
    with zmq.asyncio.Context() as context:
        socket = context.socket(zmq.XPUB)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        socket.setsockopt(zmq.SNDHWM, 64)
        with socket:
            _bind(socket, endpoint, "LOOKOUT_RUN_DIR")
            if remote:
                _bind(socket, remote, "LOOKOUT_FRAMES_TCP")
            try:
                yield FramePublisher(socket, endpoint, remote)
            finally:
                path.unlink(missing_ok=True)
                leave_socket_dir(run_dir)


def _bind(socket: zmq.asyncio.Socket, endpoint: str, setting: str) -> None:
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise BadSettings(f"{setting}: cannot bind {endpoint}: {error}") from error


class FrameWriter:
    """Where the thread of one camera puts its frames."""

    def __init__(
        self,
        run_dir: str,
        camera: str,
        publisher: FramePublisher,
        call_in_loop: Callable[..., object],
    ) -> None:
        self._run_dir, self.camera = run_dir, camera
        self._publisher, self._call_in_loop = publisher, call_in_loop
        self._ring: RingWriter | None = None
        self.instance = ""
        self.seq = 0

    def watched(self) -> bool:
        """Whether anybody listens to this camera."""
        return self._publisher.is_watched(self.camera)

    def forget(self) -> None:
        """The frames so far are too old for whoever comes now."""
        self._call_in_loop(self._publisher.forget, self.camera)

    def write(
        self, pixels: Pixels, captured_at: float, captured_mono: float, motion: float
    ) -> FrameDescriptor:
        """Put *pixels* where readers find them, and tell the readers."""
        height, width, _ = pixels.shape
        ring = self._ring_for(pixels.nbytes)
        slot, generation = ring.write(pixels)
        self.seq += 1
        descriptor = FrameDescriptor(
            camera=self.camera,
            instance=self.instance,
            slot=slot,
            generation=generation,
            seq=self.seq,
            width=width,
            height=height,
            captured_at=captured_at,
            captured_mono=captured_mono,
            motion=motion,
        )
        jpeg = encode_jpeg(pixels) if self._publisher.wants_jpeg(self.camera) else None
        self._call_in_loop(self._publisher.announce, descriptor, jpeg)
        return descriptor

    def _ring_for(self, size: int) -> RingWriter:
        """The ring, made anew when there is none or when the frames have grown."""
        if self._ring is None or size > self._ring.size:
            self.close()
            for old in Path(self._run_dir).glob(f"{self.camera}.*.ring"):  # of a dead process
                old.unlink(missing_ok=True)
            self.instance = secrets.token_hex(4)
            self._ring = RingWriter(ring_path(self._run_dir, self.camera, self.instance), size)
        return self._ring

    def close(self) -> None:
        """Remove the ring; a later `write` makes a new one."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None
            self.forget()

    def discard(self) -> None:
        """Remove the ring's file for a thread that hangs, and so cannot `close`."""
        if self._ring is not None:
            self._ring.path.unlink(missing_ok=True)

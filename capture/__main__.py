"""`python -m capture`: opens cameras, and puts their frames where everybody reads them."""

import asyncio
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import time
from urllib.parse import urlsplit

import cv2

from bus.cameras import CameraStatus
from bus.frames import FramePublisher, FrameWriter, open_publisher
from bus.heartbeat import beat
from bus.log import mask
from bus.messages import CameraSpec
from bus.process import run
from bus.redis import open_redis
from bus.tasks import background
from capture.announce import Announcer
from capture.camera import Camera
from capture.feed import Feed
from capture.leftovers import Leftovers
from capture.registry import Registry
from capture.service import Service
from capture.settings import CaptureSettings
from capture.source import Terms


class Builder:
    """What a camera needs to be opened and read."""

    def __init__(self, settings: CaptureSettings, publisher: FramePublisher) -> None:
        self._settings, self._publisher = settings, publisher
        self._loop = asyncio.get_running_loop()

    def camera(self, spec: CameraSpec, changed: Callable[[], None]) -> Camera:
        status = CameraStatus(
            id=spec.id,
            url=mask(spec.url),
            owner=self._settings.process,
            endpoint=self._publisher.endpoint,
            remote=reachable(self._publisher.remote),
            since=time(),
        )
        terms = self._settings.terms(spec.fps)
        return Camera(status, partial(self._feed, spec, terms), terms, changed)

    def _feed(self, spec: CameraSpec, terms: Terms, woken: Callable[[], object]) -> Feed:
        writer = FrameWriter(self._settings.run_dir, spec.id, self._publisher, self._call)
        return Feed(spec, writer, terms, partial(self._call, woken))

    def _call(self, function: Callable[..., object], *args: object) -> None:
        """In the loop's thread; once the loop is closed nobody needs it."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *args)


def reachable(endpoint: str) -> str:
    """What readers on other hosts connect to: by name, if *endpoint* is every address of ours."""
    parts = urlsplit(endpoint)
    if parts.hostname not in ("0.0.0.0", "*", "::"):
        return endpoint
    return f"tcp://{socket.gethostname()}:{parts.port}"


async def main(settings: CaptureSettings, stop: asyncio.Event) -> None:
    cv2.setNumThreads(1)  # each camera has its own thread already
    async with (
        open_redis(settings.redis_url) as redis,
        open_publisher(settings.run_dir, settings.process, settings.frames_tcp) as publisher,
    ):
        registry = Registry(redis, settings.process, settings.specs())
        announcer = Announcer(redis, settings.camera_down_s)
        service = Service(redis, registry, announcer, Builder(settings, publisher).camera)

        def heartbeat() -> dict[str, str]:
            return {"id": settings.process, "cameras": " ".join(service.cameras)}

        alive = beat(redis, settings, heartbeat)
        leftovers = Leftovers(redis, settings.run_dir)
        async with background(alive, publisher.run(), leftovers.run()):
            await service.run(stop)


if __name__ == "__main__":
    status = run("capture", CaptureSettings, main)
    if threading.active_count() > 1:  # a source hangs in native code: leave without it
        logging.shutdown()
        os._exit(status)
    sys.exit(status)

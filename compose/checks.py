"""What `lookout doctor` looks at: each check really tries the thing."""

import asyncio
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Literal

import numpy as np

from bus.child import spawn, stop
from bus.errors import LookoutError
from bus.frames import socket_dir
from bus.log import mask
from bus.messages import Sampling
from bus.redis import AWAY, open_redis
from bus.settings import read
from capture.settings import CaptureSettings
from capture.source import Terms, first_picture, open_source
from compose import discovery, valkey
from compose.ports import is_free
from compose.settings import LocalSettings
from inference.engine import Turn, engine_module

DISCOVER_S = 1.5
RING_MB = 50  # frames of one 1080p camera
OLDEST_REDIS = (6, 2)


@dataclass(frozen=True)
class Finding:
    about: str
    verdict: Literal["works", "look", "fails"]
    text: str


Findings = Iterator[Finding]
Check = Callable[[LocalSettings], Findings]


def python(settings: LocalSettings) -> Findings:
    version = platform.python_version()
    old = sys.version_info < (3, 11)
    yield Finding("python", "fails" if old else "works", f"{version} on {platform.machine()}")


def redis(settings: LocalSettings) -> Findings:
    """The server of `REDIS_URL`, or the embedded one, started for a moment."""
    if settings.redis_url:
        yield asyncio.run(_redis_at(settings.redis_url, "REDIS_URL"))
        return
    with tempfile.TemporaryDirectory(prefix="lookout-") as folder:
        try:
            yield asyncio.run(_embedded(Path(folder)))
        except LookoutError as error:
            yield Finding("redis", "fails", str(error))


async def _embedded(folder: Path) -> Finding:
    server = await spawn(valkey.command(folder / "s", folder, 0))
    try:
        return await _redis_at(f"unix://{folder / 's'}", f"embedded {valkey.server()}")
    finally:
        await stop(server, within_s=2)


async def _redis_at(url: str, name: str) -> Finding:
    try:
        async with open_redis(url, patience_s=3) as client, asyncio.timeout(8):
            about = await client.info("server")
    except (TimeoutError, *AWAY) as error:
        return Finding("redis", "fails", f"{name}: {mask(str(error)) or 'no answer'}")
    version = str(about.get("valkey_version") or about.get("redis_version") or "0.0")
    old = tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS
    return Finding("redis", "fails" if old else "works", f"{version}, {name}")


def run_dir(settings: LocalSettings) -> Findings:
    folder = Path(settings.run_dir)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket_dir(settings.run_dir)
        free_mb = shutil.disk_usage(folder).free >> 20
    except OSError as error:
        yield Finding("frames", "fails", f"LOOKOUT_RUN_DIR: {error}")
        return
    text = f"{folder} has {free_mb} MB free, a 1080p camera takes {RING_MB}"
    if free_mb < RING_MB:
        yield Finding("frames", "fails", f"{text}: name another with LOOKOUT_RUN_DIR")
    elif not _in_memory(folder):
        yield Finding("frames", "look", f"{text}; it is no memory file system, which is slower")
    else:
        yield Finding("frames", "works", text)


def _in_memory(folder: Path) -> bool:
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return False
    places = [line.split()[1:3] for line in mounts.read_text().splitlines()]
    inside = [(where, kind) for where, kind in places if folder.is_relative_to(where)]
    return max(inside, default=("", ""), key=lambda place: len(place[0]))[1] in ("tmpfs", "ramfs")


def data_dir(settings: LocalSettings) -> Findings:
    folder = Path(settings.data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        usable = os.access(folder, os.W_OK)
    except OSError as error:
        yield Finding("data", "fails", f"LOOKOUT_DATA_DIR: {error}")
        return
    free_mb = shutil.disk_usage(folder).free >> 20
    yield Finding("data", "works" if usable else "fails", f"{folder} has {free_mb} MB free")


def port(settings: LocalSettings) -> Findings:
    where = f"{settings.host}:{settings.port}"
    if is_free(settings.host, settings.port):
        yield Finding("port", "works", f"{where} is free")
    else:
        yield Finding("port", "look", f"{where} is in use: by a running Lookout? else --port N")


def engine(settings: LocalSettings) -> Findings:
    """Load each model and let it answer one question about a grey picture."""
    for url in (settings.model, *settings.more_models):
        try:
            yield Finding("model", "works", asyncio.run(_one_answer(url)))
        except (LookoutError, TimeoutError) as error:
            yield Finding("model", "fails", f"{url}: {error}")


async def _one_answer(url: str) -> str:
    module, began = engine_module(url), monotonic()
    async with asyncio.timeout(300), module.open(url) as opened:
        loaded_s = monotonic() - began
        grey = np.full((480, 640, 3), 128, np.uint8)
        turn = Turn("user", (grey, "What do you see?"))
        async with aclosing(opened.generate([turn], Sampling(max_tokens=16))) as events:
            _ = [event async for event in events]
    answered_s = monotonic() - began - loaded_s
    return f"{module.identify(url)} loads in {loaded_s:.1f} s, answers in {answered_s:.2f} s"


def cameras(settings: LocalSettings) -> Findings:
    """One frame from every camera of the settings; then what else could be a camera."""
    for spec in read(CaptureSettings).specs():
        yield _try_camera(spec.id, spec.url)
    for found in discovery.lines(DISCOVER_S):
        yield Finding("found", "look", found)


def _try_camera(name: str, url: str) -> Finding:
    began = monotonic()
    try:
        with open_source(url, Terms(10, 10)) as source:
            height, width, _ = first_picture(source).shape
    except LookoutError as error:
        return Finding("camera", "fails", f"{name}: {mask(str(error))}")
    took_s = monotonic() - began
    return Finding("camera", "works", f"{name}: {width}x{height}, first frame in {took_s:.1f} s")


CHECKS: tuple[Check, ...] = (python, redis, run_dir, data_dir, port, engine, cameras)

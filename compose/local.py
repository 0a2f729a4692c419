"""The stack as local processes: what `lookout up` runs."""

import asyncio
import fcntl
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import msgspec
from redis.asyncio import Redis

from bus import names
from bus.errors import BadSettings
from bus.frames import leave_socket_dir, socket_dir
from bus.redis import AWAY, open_redis
from bus.tasks import background
from compose import keys, valkey
from compose.models import Served, served
from compose.ports import claimed
from compose.settings import LocalSettings
from compose.settings_file import check_keys
from compose.supervisor import Supervised, service
from preview.settings import PreviewSettings

log = logging.getLogger(__name__)

# In the order in which they stop: whoever asks before whoever answers.
STOP_S = {
    "api": 5.5,
    "alerts": 0.5,
    "inference": 1.0,
    "preview": 0.5,
    "capture": 1.0,
    "redis": 1.0,
}
ROOT = Path(__file__).parents[1]


async def main(settings: LocalSettings, stop: asyncio.Event) -> None:
    """Run everything until *stop*; print `ready` and the address once it answers."""
    if settings.settings:
        check_keys(settings.settings)
    models = served(settings)
    with (
        _only_one("LOOKOUT_DATA_DIR", settings.data_dir),
        _only_one("LOOKOUT_RUN_DIR", settings.run_dir),
        _preview_port(settings) as preview_port,
    ):
        settings = msgspec.structs.replace(settings, preview_port=preview_port)
        keys.see_to(settings)
        stack = _stack(settings, models)
        runs = [part.run() for name in stack if name != "redis" for part in stack[name]]
        try:
            async with background(*(part.run() for part in stack["redis"])):
                url = settings.redis_url or _redis_url(settings)
                async with open_redis(url, patience_s=20) as client:
                    await client.ping()
                async with background(*runs, _say_when_ready(settings, models)):
                    await stop.wait()
                    await _stop(stack)
        finally:
            for part in chain(*stack.values()):
                await part.stop(0)
            _sweep(settings.run_dir)


async def _stop(stack: dict[str, list[Supervised]]) -> None:
    for name, parts in stack.items():
        await asyncio.gather(*(part.stop(STOP_S[name]) for part in parts))


def _stack(settings: LocalSettings, models: Sequence[Served]) -> dict[str, list[Supervised]]:
    """The processes of each service, in the order in which they stop."""
    url = settings.redis_url or _redis_url(settings)
    roots = settings.file_roots or (str(Path(settings.data_dir) / "media"),)
    env = {
        "REDIS_URL": url,
        "LOOKOUT_RUN_DIR": settings.run_dir,
        "LOOKOUT_HOST": settings.host,
        "LOOKOUT_PORT": str(settings.port),
        "LOOKOUT_FILE_ROOTS": " ".join(roots),
        "LOOKOUT_PREVIEW_HOST": settings.preview_host or settings.host,
        "LOOKOUT_PREVIEW_PORT": str(settings.preview_port),
        "PYTHONPATH": str(ROOT),
    }
    if settings.cameras is None:
        env["LOOKOUT_CAMERAS"] = "demo=demo:"
    if len(models) > 1:
        env["LOOKOUT_DEFAULT_MODEL"] = settings.default_model or models[0].id

    async def bury(process: str) -> None:
        """Tell at once what the end of a heartbeat would tell seconds later."""
        async with open_redis(url, patience_s=1) as redis:
            await _forget(redis, process)

    def part(name: str, called: str = "", **more: str) -> Supervised:
        own = {**env, **keys.told(settings, name), **more}
        return Supervised(called or name, service(name), own, bury)

    stack = {name: [part(name)] for name in STOP_S}
    stack["inference"] = [part("inference", m.process, LOOKOUT_MODEL=m.url) for m in models]
    stack["redis"] = _redis(settings)
    if not (settings.preview_port or settings.preview_push_url):
        stack["preview"] = []
    return stack


def _redis(settings: LocalSettings) -> list[Supervised]:
    """The embedded Valkey, unless another one is named."""
    if settings.redis_url:
        return []
    data = Path(settings.data_dir) / "redis"
    data.mkdir(parents=True, exist_ok=True)
    return [Supervised("redis", valkey.command(_socket(settings), data, settings.redis_port), {})]


@contextmanager
def _preview_port(settings: LocalSettings) -> Iterator[int]:
    """A second stack on this machine has no preview, unless it is told a port for it."""
    if settings.preview_port is not None:
        yield settings.preview_port
        return
    usual = PreviewSettings().preview_port
    with claimed(settings.preview_host or settings.host, usual) as is_ours:
        if not is_ours:
            log.warning("no preview: port %d is in use: see LOOKOUT_PREVIEW_PORT", usual)
        yield usual if is_ours else 0


async def _forget(redis: Redis, process: str) -> None:
    try:
        await redis.unlink(names.process(process), names.replies(process))
        await redis.zrem(names.CAPTURES, process)
        cameras: list[Any] = await redis.hkeys(names.CAMERAS)
        leases = [names.camera_lease(camera.decode()) for camera in cameras]
        for lease in (names.ALERTS_LEADER, *leases):
            if await redis.get(lease) == process.encode():
                await redis.unlink(lease)
    except AWAY:
        log.warning("redis is away too, the heartbeat of %s will run out", process)


def _socket(settings: LocalSettings) -> Path:
    return socket_dir(settings.run_dir) / "redis.sock"


def _redis_url(settings: LocalSettings) -> str:
    return f"unix://{_socket(settings)}"


async def _say_when_ready(settings: LocalSettings, models: Sequence[Served]) -> None:
    address = f"http://{_reachable(settings.host)}:{settings.port}"
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        while True:
            if await _is_ready(client, address, models) and await _is_shown(settings):
                break
            await asyncio.sleep(0.1)
    sys.stdout.write(f"ready {address}\n")
    sys.stdout.flush()
    if sys.stderr.isatty():
        sys.stderr.write('now, in another terminal: lookout ask demo "What do you see?"\n')
    if sys.stderr.isatty() and settings.preview_port:
        host = _reachable(settings.preview_host or settings.host)
        sys.stderr.write(f"see it: rtsp://{host}:{settings.preview_port}/out\n")


async def _is_ready(client: httpx.AsyncClient, address: str, models: Sequence[Served]) -> bool:
    """Whether every one of *models* answers."""
    try:
        health = await client.get(f"{address}/health/ready")
    except httpx.TransportError:
        return False
    if health.status_code != httpx.codes.OK:
        return False
    ready = {worker["model"] for worker in health.json()["workers"] if worker["state"] == "ready"}
    return ready >= {model.id for model in models}


async def _is_shown(settings: LocalSettings) -> bool:
    """Whether the preview, if there is one, takes players."""
    if not settings.preview_port:
        return True
    host = _reachable(settings.preview_host or settings.host).strip("[]")
    try:
        _, writer = await asyncio.open_connection(host, settings.preview_port)
    except OSError:
        return False
    writer.close()
    return True


def _reachable(host: str) -> str:
    """Where this machine finds what listens on *host*, as it stands in a URL."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _sweep(run_dir: str) -> None:
    """Remove what processes that were killed have left; nobody else uses the directory."""
    for path in (*socket_dir(run_dir).glob("*.sock"), *Path(run_dir).glob("*.ring")):
        path.unlink(missing_ok=True)
    leave_socket_dir(run_dir)


@contextmanager
def _only_one(variable: str, directory: str) -> Iterator[None]:
    """Two stacks must not share what they write."""
    try:
        Path(directory).mkdir(parents=True, exist_ok=True)
        lock = (Path(directory) / "lock").open("w")
    except OSError as error:
        raise BadSettings(f"{variable}: {error}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadSettings(f"{variable}: another stack uses {directory}") from error
        yield

"""The preview process as a test starts it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from redis import Redis

from bus import names
from compose.ports import free_port, is_free
from tests.waiting import until

ROOT = Path(__file__).parents[2]
STOP_S = 3.0
UGLY = ("Traceback", "never retrieved", "ERROR", "Exception")


@dataclass
class Preview:
    """A running `python -m preview`."""

    process: subprocess.Popen[bytes]
    name: str
    port: int
    log: Path
    redis_url: str

    def url(self, path: str, login: str = "") -> str:
        return f"rtsp://{login}127.0.0.1:{self.port}/{path}"

    def stop(self) -> float:
        """Ask it to stop; how long that took."""
        start = monotonic()
        self.process.terminate()
        assert self.process.wait(STOP_S) == 0
        return monotonic() - start

    def heartbeat(self) -> dict[str, str]:
        with Redis.from_url(self.redis_url, decode_responses=True) as redis:
            fields: dict[str, str] = redis.hgetall(names.process(self.name))
            return fields

    def memory_mb(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))


@contextmanager
def previewing(redis_url: str, run_dir: Path, **settings: str) -> Iterator[Preview]:
    """It must stop in time, and have logged nothing but what is to be expected."""
    port = free_port()
    log, name = run_dir.parent / f"preview-{port}.log", f"preview-{port}"
    env = {
        "REDIS_URL": redis_url,
        "LOOKOUT_RUN_DIR": str(run_dir),
        "LOOKOUT_PROCESS": name,
        "LOOKOUT_PREVIEW_PORT": str(port),
        "LOOKOUT_PREVIEW_SIZE": "640x360",
        **{f"LOOKOUT_{key}": value for key, value in settings.items()},
    }
    command = [sys.executable, "-m", "preview"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, env={**os.environ, **env}, cwd=ROOT, stderr=file)
    preview = Preview(process, name, port, log, redis_url)
    try:
        until(lambda: process.poll() is not None or not is_free("127.0.0.1", port))
        yield preview
        if process.poll() is None:
            preview.stop()
        assert [word for word in UGLY if word in log.read_text()] == []
    finally:
        process.kill()
        process.wait()
        sys.stderr.write(log.read_text())

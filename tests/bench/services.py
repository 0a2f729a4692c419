"""Some services and the Valkey between them, without the command that keeps them running."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from compose import valkey
from compose.ports import free_port
from tests.bench.processes import child, python, until
from tests.conftest import wait_for_redis


@dataclass(frozen=True)
class Services:
    env: dict[str, str]
    port: int
    pids: dict[str, int]


@contextmanager
def serving(folder: Path, memory: Path, names: Sequence[str]) -> Iterator[Services]:
    """Services by the *names* of their modules, with no camera and the echo engine."""
    folder.mkdir(parents=True, exist_ok=True)
    socket, port = folder / "s", free_port()
    env = {
        "REDIS_URL": f"unix://{socket}",
        "LOOKOUT_RUN_DIR": str(memory),
        "LOOKOUT_PORT": str(port),
        "LOOKOUT_MODEL": "echo:?slots=128",
        "LOOKOUT_LOG_FORMAT": "json",
        "LOOKOUT_CAMERAS": "",
    }
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("w"))  # of every job, as always
        redis = stack.enter_context(child(valkey.command(socket, folder, 0), errors=log))
        wait_for_redis(env["REDIS_URL"])
        started = {n: stack.enter_context(child(python(n), env, log)) for n in names}
        if "api" in started:
            until(lambda: is_ready(port))
        pids = {name: process.pid for name, process in started.items()}
        yield Services(env, port, {**pids, "valkey": redis.pid})


def is_ready(port: int) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200

"""The compose stack under another name and on free ports, so that a real one may run beside it."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from compose.ports import free_port
from tests.waiting import until

FOLDER = Path(__file__).parents[2] / "compose"
PROJECT = "lookout-test"
SERVICES = ("alerts", "api", "capture", "inference", "preview", "redis")


def docker(*arguments: str, check: bool = True, **env: str) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        cwd=FOLDER,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@dataclass
class ComposeStack:
    """`compose.yaml` with *overrides*."""

    overrides: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)

    def compose(self, *arguments: str, check: bool = True) -> str:
        files = [word for name in ("compose.yaml", *self.overrides) for word in ("-f", name)]
        return docker(
            "compose", "-p", PROJECT, *files, *arguments, check=check, **(self.env | _ports())
        )

    def container(self, service: str) -> str:
        """Its id."""
        return self.compose("ps", "-a", "-q", service).strip()

    def inspect(self, service: str) -> dict[str, Any]:
        (found,) = json.loads(docker("inspect", self.container(service)))
        return dict(found)

    def is_healthy(self, service: str) -> bool:
        state = self.inspect(service)["State"]
        return bool(state["Running"] and state["Health"]["Status"] == "healthy")

    def is_whole(self) -> bool:
        return all(self.is_healthy(service) for service in SERVICES)

    def kill(self, service: str) -> float:
        """
        Kill -9 the main process, and wait until there is another one; when it was killed.

        `docker kill` would mean that it shall stay dead.
        """
        before = self.inspect(service)["State"]
        killed = monotonic()
        os.kill(before["Pid"], 9)
        until(lambda: self.inspect(service)["State"]["StartedAt"] > before["StartedAt"])
        return killed

    def logs(self) -> str:
        return self.compose("logs", "--no-color", "--tail", "200", check=False)


_PORTS: dict[str, str] = {}


def _ports() -> dict[str, str]:
    """Chosen once."""
    names = ("API", "PREVIEW", "WS", "ALERT_METRICS", "STATS", "REDIS")
    if not _PORTS:
        _PORTS.update({f"{name}_PORT": str(free_port()) for name in names})
    return _PORTS


def port(name: str) -> int:
    return int(_ports()[f"{name}_PORT"])

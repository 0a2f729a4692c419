"""
What a container runs: `python -m compose.container SERVICE`, and its health check.

    api, capture, inference, alerts, preview    the service of that name
    redis                                       the Valkey that the others meet at
    key                                         show the key that clients must send
    healthy                                     exit status 0 if this container's service lives

A service lives while its heartbeat is in Redis, so a process that hangs is not healthy. Each
start gets an id of its own: what the process before it held is given to others, this one too.
"""

import os
import secrets
import socket
import sys
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from bus import names
from bus.errors import BadSettings
from bus.settings import BusSettings, read
from compose import keys
from compose.settings import LocalSettings
from compose.supervisor import service
from compose.valkey import serving

SERVICES = ("api", "capture", "inference", "alerts", "preview")
ID = Path("/tmp/process")
WAIT_S = 3.0
PORT = 6379


def main(name: str = "", *arguments: str) -> int:
    if name == "healthy":
        return 0 if healthy() else 1
    if name == "key":
        sys.stdout.writelines(f"{key.secret}\n" for key in keys.kept(read(LocalSettings)))
        return 0
    if name == "redis":
        command = serving(Path("/data"), PORT, os.environ.get("REDIS_MAXMEMORY", "512mb"))
    elif name in SERVICES:
        command = service(name)
        settings = read(LocalSettings)
        keys.see_to(settings)
        os.environ |= keys.told(settings, name)
        os.environ["LOOKOUT_PROCESS"] = f"{name}-{socket.gethostname()}-{secrets.token_hex(3)}"
    else:
        command = [sys.executable, "-m", "lookout", name, *arguments]
    ID.write_text(os.environ.get("LOOKOUT_PROCESS", name))
    os.execv(command[0], command)


def healthy() -> bool:
    try:
        process = ID.read_text()
        own = process == "redis"
        url = f"redis://127.0.0.1:{PORT}" if own else read(BusSettings).redis_url
        wait = {"socket_timeout": WAIT_S, "socket_connect_timeout": WAIT_S}
        with Redis.from_url(url, **wait) as redis:
            return bool(redis.ping() if own else redis.exists(names.process(process)))
    except (OSError, RedisError):
        return False


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except BadSettings as error:
        sys.stderr.write(f"lookout: {error}\n")
        sys.exit(2)

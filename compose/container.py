"""
What a container runs: `python -m compose.container SERVICE`; its health check is beside it.

    api, capture, inference, alerts, preview    the service of that name
    redis                                       the Valkey that the others meet at
    key                                         show the key that clients must send

Each start gets an id of its own: what the process before it held is given to others, this one too.
"""

import os
import secrets
import socket
import sys
from pathlib import Path

from bus.errors import BadSettings
from bus.settings import read
from compose import keys
from compose.settings import LocalSettings
from compose.supervisor import service
from compose.valkey import serving

SERVICES = ("api", "capture", "inference", "alerts", "preview")
PORT = 6379


def main(name: str = "", *arguments: str) -> int:
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
    os.execv(command[0], command)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except BadSettings as error:
        sys.stderr.write(f"lookout: {error}\n")
        sys.exit(2)

"""What a program of other people's gets from us: a port of its own, and no secrets of ours."""

import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from inference.managed.recipe import HOST

OURS = ("LOOKOUT_", "REDIS_")
SECRET = frozenset(("AUTH", "CREDENTIALS", "KEY", "PASS", "PASSWORD", "PASSWD", "SECRET", "TOKEN"))
HUB = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
CREDENTIALS = re.compile(r"://[^/\s]*@")


def environment(inherited: Mapping[str, str], *, from_hub: bool) -> dict[str, str]:
    """*inherited* without what is secret or means something to Lookout only."""
    kept = {name: value for name, value in inherited.items() if _harmless(name, value)}
    if from_hub:
        kept |= {name: inherited[name] for name in HUB if name in inherited}
        kept |= {name: value for name, value in inherited.items() if _is_proxy(name)}
    # Else what is written to a pipe stays in a buffer until the program ends.
    return {**kept, "PYTHONUNBUFFERED": "1"}


def _harmless(name: str, value: str) -> bool:
    if name.startswith(OURS) or CREDENTIALS.search(value):
        return False
    return not SECRET & set(name.upper().split("_"))


def _is_proxy(name: str) -> bool:
    return name.lower().endswith("_proxy")


@contextmanager
def reserved_port() -> Iterator[int]:
    """
    A free port of the loopback, for a program that binds to it within the block.

    On Linux the system gives it to nobody else meanwhile: it is bound here too, though
    without listening, in the manner that lets servers bind beside that.
    """
    with socket.socket() as reservation:
        if sys.platform == "linux":
            for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                reservation.setsockopt(socket.SOL_SOCKET, option, 1)
        reservation.bind((HOST, 0))
        port: int = reservation.getsockname()[1]
        if sys.platform != "linux":
            reservation.close()
        yield port

"""TCP ports of this machine."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def free_port() -> int:
    """A port of loopback that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def claimed(host: str, port: int) -> Iterator[bool]:
    """
    Whether *port* is free and nobody else who asks like this will take it during the block.

    A name that the kernel forgets with the process (Linux) tells two who ask at once apart.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as name:
        if sys.platform == "linux":
            try:
                name.bind(f"\0lookout-port-{port}")
            except OSError:
                yield False
                return
        yield is_free(host, port)


def is_free(host: str, port: int) -> bool:
    """Whether this process could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True

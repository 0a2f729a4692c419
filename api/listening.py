"""The TCP ports that this process answers on, each of them with everything."""

import socket
from typing import Any

from api.settings import ApiSettings
from bus.errors import BadSettings
from bus.settings import variable

BACKLOG = 2048
# A client that takes nothing for so long is cut off, whatever waits for it: one that has
# vanished without a word, and one that does not read.
TAKEN_WITHIN_MS = 30_000


def listen(settings: ApiSettings) -> list[socket.socket]:
    """Sockets of the port, and of the ancestor's ports that are wanted. Raise `BadSettings`."""
    ports = {
        "port": settings.port,
        "ws_port": settings.ws_port,
        "alert_metrics_port": settings.alert_metrics_port,
        "stats_port": settings.stats_port,
    }
    sockets: list[socket.socket] = []
    for field, port in ports.items():
        if not port and field != "port":
            continue
        try:
            sockets += _listen(settings.host, port)
        except (OSError, OverflowError) as error:
            for opened in sockets:
                opened.close()
            why = f"cannot listen on {settings.host}:{port}"
            raise BadSettings(f"{variable(field)}: {why}") from error
    return sockets


def _listen(host: str, port: int) -> list[socket.socket]:
    """One for each address of *host*."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    families = {(family, address) for family, _, _, _, address in addresses}
    return [_socket(family, address) for family, address in sorted(families)]


def _socket(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    # With the protocol, or asyncio leaves Nagle's algorithm on: 40 ms for an answer in two parts.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; connections inherit it
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TAKEN_WITHIN_MS)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener

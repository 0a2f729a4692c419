"""
Where a camera that a request named must not be: at the addresses that give a cloud's secrets.

Private networks are where cameras live, so they are allowed. What the settings name is
not checked at all.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

from bus.errors import CameraError

REFUSED = [
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local: metadata of most clouds
        "fe80::/10",
        "fd00:ec2::/32",  # Amazon's
        "100.100.100.200/32",  # Alibaba's
        "168.63.129.16/32",  # Azure's
        "192.0.0.0/24",  # Oracle's
    )
]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_reach(url: str) -> None:
    """Raise `CameraError` when the host of *url*, if it has one, must not be reached."""
    if urlsplit(url).scheme == "pipe":
        raise CameraError("pipe: runs a command: only the settings may name it")
    host = urlsplit(url).hostname
    if host and any(map(_is_refused, _resolve(host))):
        raise CameraError(
            f"{host} is a link-local or metadata address: only the settings may name it"
        )


def _is_refused(address: Address) -> bool:
    plain = getattr(address, "ipv4_mapped", None) or address
    return any(plain in network for network in REFUSED)


def _resolve(host: str) -> list[Address]:
    """No address when there is none: opening the camera says so better."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found]

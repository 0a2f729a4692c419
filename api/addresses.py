"""
Which addresses a picture may be fetched from: public ones, and those that are listed.

They are checked where the connection is made, after resolution, and the connection
goes to the very address that was checked: a redirect or a name that resolves
differently the second time gains nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

import httpcore

from bus.errors import BadSettings

FIRST_TRY_S = 1.0  # for each address of a host but the last

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[list[Address]]]

# Global for Python (3.11 at least), and yet not what a stranger may reach.
_NOT_PUBLIC = [
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's metadata
    ipaddress.ip_network("192.0.0.0/24"),  # special purposes; Oracle's metadata
    ipaddress.ip_network("192.88.99.0/24"),  # relays of 6to4
    ipaddress.ip_network("64:ff9b:1::/48"),  # IPv4 within a network
    ipaddress.ip_network("fec0::/10"),  # IPv6's first private addresses
]
_IPV4_INSIDE = [ipaddress.ip_network("::/96"), ipaddress.ip_network("64:ff9b::/96")]


class Refused(httpcore.ConnectError):
    """The address is one that a request must not reach."""


class AllowList:
    """Hosts and networks that may be reached although they are private."""

    def __init__(self, entries: Iterable[str]) -> None:
        self.hosts, self.networks = set[str](), list[Network]()
        for entry in entries:
            try:
                self.networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                if "/" in entry or ":" in entry:
                    raise BadSettings(
                        f"LOOKOUT_ALLOW_HOSTS: {entry!r} is no host name or network"
                    ) from None
                self.hosts.add(entry.lower())

    def names(self, host: str, address: Address) -> bool:
        """Whether it is listed, and not just public."""
        return host.lower() in self.hosts or any(address in net for net in self.networks)

    def permits(self, host: str, address: Address) -> bool:
        plain = getattr(address, "ipv4_mapped", None) or address
        return _is_public(_innermost(plain)) or self.names(host, plain)


def _innermost(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, if it does: some router may translate it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if any(address in network for network in _IPV4_INSIDE):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or address


def _is_public(address: Address) -> bool:
    special = address.is_multicast or any(address in network for network in _NOT_PUBLIC)
    return address.is_global and not special


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, allow: AllowList, resolve: Resolve) -> None:
        self._allow, self._resolve = allow, resolve
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as the interface has it
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        if not all(self._allow.permits(host, address) for address in addresses):
            raise Refused(f"{host} is a private address: see LOOKOUT_ALLOW_HOSTS")
        for address in addresses[:-1]:  # some networks announce an IPv6 that leads nowhere
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._backend.connect_tcp(
                    str(address), port, FIRST_TRY_S, local_address, socket_options
                )
        return await self._backend.connect_tcp(
            str(addresses[-1]), port, timeout, local_address, socket_options
        )

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def resolve(host: str, port: int) -> list[Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host} cannot be resolved") from error
    return [ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found]

"""
Pictures behind http(s), fetched without becoming a way into the private network.

The address is checked where the connection is made, after resolution, and the
connection goes to the very address that was checked: a redirect or a name that
resolves differently the second time gains nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from bus.errors import BadImage, BadSettings, ImageTooLarge

REDIRECTS = 3
HEADERS = [("accept", "image/*, */*")]
FIRST_TRY_S = 1.0  # for each address of a host but the last
_VIDEO = ("video/", "multipart/x-mixed-replace", "application/vnd.apple.mpegurl")

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


@dataclass(frozen=True)
class Fetched:
    """What a URL gave: a picture's bytes, or the news that it is a camera (`data` None)."""

    url: str  # after redirects
    data: bytes | None


class Fetcher:
    """Use `open_fetcher`."""

    def __init__(
        self, pool: httpcore.AsyncConnectionPool, allow: AllowList, size_bytes: int, wait_s: float
    ) -> None:
        self._allow = allow
        self._pool, self._size_bytes, self._wait_s = pool, size_bytes, wait_s

    async def get(self, url: str) -> Fetched:
        """Raise `BadImage` with the reason when there is no picture to be had."""
        host = urlsplit(url).hostname
        if not host:
            raise BadImage("the URL of the picture names no host")
        try:
            async with asyncio.timeout(self._wait_s):
                return await self._follow(url)
        except TimeoutError as error:
            raise BadImage(f"{host} did not send the picture within {self._wait_s:g} s") from error
        except Refused as error:
            raise BadImage(str(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise BadImage(f"the picture cannot be fetched from {host}: {error}") from error
        except (ValueError, httpx.InvalidURL, httpcore.UnsupportedProtocol) as error:
            raise BadImage(f"this is not a URL that can be fetched: {error}") from error

    async def may_open(self, host: str, port: int) -> bool:
        """Whether *host* is listed: a camera there is read by a library that checks nothing."""
        try:
            addresses = await resolve(host, port)
        except httpcore.ConnectError as error:
            raise BadImage(str(error)) from error
        return all(self._allow.names(host, address) for address in addresses)

    async def _follow(self, url: str) -> Fetched:
        for _ in range(REDIRECTS + 1):
            if urlsplit(url).scheme not in ("http", "https"):
                raise BadImage("the picture's server redirects to something that is not http")
            ascii_url = str(httpx.URL(url))  # as a browser would write `größe.png`
            async with self._pool.stream("GET", ascii_url, headers=HEADERS) as answer:
                headers = {key.lower(): value for key, value in answer.headers}
                location = headers.get(b"location", b"").decode("latin-1")
                if answer.status in (301, 302, 303, 307, 308) and location:
                    url = urljoin(url, location)
                    continue
                if answer.status != 200:
                    raise BadImage(f"the picture's server answered {answer.status}")
                if headers.get(b"content-type", b"").decode("latin-1").lower().startswith(_VIDEO):
                    return Fetched(url, None)
                return Fetched(url, await self._read(answer, headers))
        raise BadImage(f"the picture's server redirects more than {REDIRECTS} times")

    async def _read(self, answer: httpcore.Response, headers: dict[bytes, bytes]) -> bytes:
        data = bytearray()
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._size_bytes:
            raise ImageTooLarge(f"the picture is larger than {self._size_bytes / 2**20:g} MiB")
        async for chunk in answer.aiter_stream():
            data += chunk
            if len(data) > self._size_bytes:
                raise ImageTooLarge(f"the picture is larger than {self._size_bytes / 2**20:g} MiB")
        return bytes(data)


@asynccontextmanager
async def open_fetcher(allow: AllowList, size_bytes: int, wait_s: float) -> AsyncGenerator[Fetcher]:
    async with httpcore.AsyncConnectionPool(
        network_backend=GuardedNetwork(allow, resolve),
        max_connections=64,
        max_keepalive_connections=0,
    ) as pool:
        yield Fetcher(pool, allow, size_bytes, wait_s)

"""
Pictures behind http(s), fetched without becoming a way into the private network.

The address is checked where the connection is made, after resolution, and the
connection goes to the very address that was checked: a redirect or a name that
resolves differently the second time gains nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore

from bus.errors import BadImage, BadSettings, ImageTooLarge

REDIRECTS = 3
_VIDEO = ("video/", "multipart/x-mixed-replace", "application/vnd.apple.mpegurl")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


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
        return (plain.is_global and not plain.is_multicast) or self.names(host, plain)


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, allow: AllowList) -> None:
        self._allow = allow
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as the interface has it
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        for address in await resolve(host, port):
            if not self._allow.permits(host, address):
                raise Refused(f"{host} is a private address: see LOOKOUT_ALLOW_HOSTS")
        return await self._backend.connect_tcp(
            str(address), port, timeout, local_address, socket_options
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
        try:
            async with asyncio.timeout(self._wait_s):
                return await self._follow(url)
        except TimeoutError as error:
            raise BadImage(f"{host} did not send the picture within {self._wait_s:g} s") from error
        except Refused as error:
            raise BadImage(str(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise BadImage(f"the picture cannot be fetched from {host}: {error}") from error
        except (ValueError, httpcore.UnsupportedProtocol) as error:
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
            async with self._pool.stream("GET", url, headers={"accept": "image/*, */*"}) as answer:
                headers = {key.lower(): value for key, value in answer.headers}
                location = headers.get(b"location", b"").decode("latin-1")
                if answer.status in (301, 302, 303, 307, 308) and location:
                    url = urljoin(url, location)
                    continue
                if answer.status != 200:
                    raise BadImage(f"the picture's server answered {answer.status}")
                if headers.get(b"content-type", b"").decode("latin-1").startswith(_VIDEO):
                    return Fetched(url, None)
                return Fetched(url, await self._read(answer, headers))
        raise BadImage(f"the picture's server redirects more than {REDIRECTS} times")

    async def _read(self, answer: httpcore.Response, headers: dict[bytes, bytes]) -> bytes:
        data = bytearray()
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._size_bytes:
            raise ImageTooLarge(f"the picture is larger than {self._size_bytes >> 20} MiB")
        async for chunk in answer.aiter_stream():
            data += chunk
            if len(data) > self._size_bytes:
                raise ImageTooLarge(f"the picture is larger than {self._size_bytes >> 20} MiB")
        return bytes(data)


@asynccontextmanager
async def open_fetcher(allow: AllowList, size_bytes: int, wait_s: float) -> AsyncGenerator[Fetcher]:
    async with httpcore.AsyncConnectionPool(
        network_backend=GuardedNetwork(allow), max_connections=64, max_keepalive_connections=0
    ) as pool:
        yield Fetcher(pool, allow, size_bytes, wait_s)

"""
TCP and TLS connections to a camera, each read of which ends in time.

A camera's certificate is signed by itself, and its owner cannot mend that: at private
addresses certificates are not verified, at public ones they are. The host that the
camera's URL names was checked before; any other, to which a camera sends us on, must
be public.
"""

import ipaddress
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from time import monotonic
from typing import Any

import httpcore
import httpx

from bus.errors import CameraError
from capture.reach import REFUSED

FIRST_TRY_S = 2.0  # for each address of a host but the last

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Limit:
    """How long something may take; *words* say what did not happen when it took longer."""

    def __init__(self, limit_s: float, words: str) -> None:
        self._limit_s, self._words = limit_s, words
        self.renew()

    def renew(self) -> None:
        self._until = monotonic() + self._limit_s

    def left_s(self) -> float:
        """Raise `CameraError` when nothing is left."""
        if (left_s := self._until - monotonic()) <= 0:
            raise self.over()
        return left_s

    def over(self) -> CameraError:
        return CameraError(f"{self._words} {self._limit_s:g} s")


class Network(httpcore.NetworkBackend):
    """Connects to *host* and to public addresses, within `limit`, which may be replaced."""

    def __init__(self, host: str, limit: Limit) -> None:
        self._host, self.limit = host, limit
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _resolve(host, port)
        if host != self._host and not all(map(may_go_on, addresses)):
            raise CameraError(f"it sends us on to {host}, which is not a public address")
        for address in addresses[:-1]:  # some networks announce an IPv6 that leads nowhere
            try:
                return self._connect(address, port, min(FIRST_TRY_S, self.limit.left_s()))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(addresses[-1], port, self.limit.left_s())

    def _connect(self, address: Address, port: int, within_s: float) -> "Stream":
        stream = self._backend.connect_tcp(str(address), port, within_s)
        return Stream(self, stream, address)


class Stream(httpcore.NetworkStream):
    """One connection; the time-outs of whoever calls it are left aside for the limit."""

    def __init__(self, network: Network, stream: httpcore.NetworkStream, address: Address) -> None:
        self._network, self._stream, self._address = network, stream, address

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._network.limit.left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._network.limit.left_s())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        context, left_s = context_for(self._address), self._network.limit.left_s()
        secure = self._stream.start_tls(context, server_hostname, left_s)
        return Stream(self._network, secure, self._address)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def shut(self) -> None:
        """End a read that another thread waits in."""
        with suppress(OSError):
            self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def may_go_on(address: Address) -> bool:
    """Whether a camera, or its play list, may lead us to *address*."""
    plain = getattr(address, "ipv4_mapped", None) or address
    return plain.is_global and not any(plain in network for network in REFUSED)


def context_for(address: Address) -> ssl.SSLContext:
    if address.is_global:
        return httpx.create_ssl_context()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # the short keys of old cameras
    return context


def _resolve(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise CameraError(f"there is no host {host}") from error
    return [ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found]

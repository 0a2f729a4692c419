"""The two ways that packets take to a player; what cannot leave at once waits in a buffer."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from preview.rtcp import is_report
from preview.rtsp import RtspError
from preview.transport import Datagrams, Interleaved

TRIES = 20  # to find two free ports, one after the other


class Outlet(Protocol):
    def send(self, packets: Sequence[bytes]) -> None:
        """RTP, in order."""

    def report(self, packet: bytes) -> None:
        """RTCP."""

    def backlog(self) -> int:
        """Bytes that wait to leave."""

    def delivered(self) -> int | None:
        """Bytes that the player's host has taken; None when nobody can know."""

    def close(self) -> None: ...


class InterleavedOutlet:
    """Packets between the messages of the RTSP connection."""

    def __init__(self, connection: asyncio.WriteTransport, channels: Interleaved) -> None:
        self._connection, self._channels = connection, channels
        self._given = 0

    def send(self, packets: Sequence[bytes]) -> None:
        self._write(self._channels.rtp, packets)

    def report(self, packet: bytes) -> None:
        self._write(self._channels.rtcp, (packet,))

    def _write(self, channel: int, packets: Sequence[bytes]) -> None:
        if self._connection.is_closing():
            return
        head = bytes((0x24, channel))
        data = b"".join(head + len(packet).to_bytes(2, "big") + packet for packet in packets)
        self._given += len(data)
        self._connection.write(data)

    def backlog(self) -> int:
        return self._connection.get_write_buffer_size()

    def delivered(self) -> int | None:
        return self._given - self.backlog()

    def close(self) -> None:
        pass


class DatagramOutlet:
    """Packets to two ports of the host that asked, and of no other. Use `open_datagrams`."""

    def __init__(self, host: str, ports: Datagrams, ours: "_Pair") -> None:
        self._rtp_to, self._rtcp_to = (host, ports.rtp), (host, ports.rtcp)
        self._rtp, self._rtcp = ours

    @property
    def ports(self) -> Datagrams:
        """Our own."""
        return Datagrams(_port_of(self._rtp), _port_of(self._rtcp))

    def send(self, packets: Sequence[bytes]) -> None:
        if not self._rtp.is_closing():
            for packet in packets:
                self._rtp.sendto(packet, self._rtp_to)

    def report(self, packet: bytes) -> None:
        if not self._rtcp.is_closing():
            self._rtcp.sendto(packet, self._rtcp_to)

    def backlog(self) -> int:
        size: int = self._rtp.get_write_buffer_size()  # type: ignore[attr-defined] # it has it
        return size

    def delivered(self) -> int | None:
        return None

    def close(self) -> None:
        self._rtp.close()
        self._rtcp.close()


_Pair = tuple[asyncio.DatagramTransport, asyncio.DatagramTransport]


class _Ear(asyncio.DatagramProtocol):
    """Hears a player's reports, and nobody else's."""

    def __init__(self, host: str, heard: Callable[[], None]) -> None:
        self._host, self._heard = host, heard

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr[0] == self._host and is_report(data):
            self._heard()


async def open_datagrams(
    here: str, there: str, ports: Datagrams, heard: Callable[[], None]
) -> DatagramOutlet:
    """
    From two ports of our address *here*, an even one and the next, to *ports* of *there*.

    *heard* is called whenever the player reports. Raise `RtspError` 453 without free ports.
    """
    loop = asyncio.get_running_loop()

    async def listen(port: int) -> asyncio.DatagramTransport:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Ear(there, heard), local_addr=(here, port)
        )
        return transport

    for _ in range(TRIES):
        with suppress(OSError):
            rtp = await listen(0)
            try:
                if _port_of(rtp) % 2 == 0:
                    return DatagramOutlet(there, ports, (rtp, await listen(_port_of(rtp) + 1)))
            except BaseException:
                rtp.close()
                raise
            rtp.close()
    raise RtspError(453)


def _port_of(transport: asyncio.DatagramTransport) -> int:
    return int(transport.get_extra_info("sockname")[1])

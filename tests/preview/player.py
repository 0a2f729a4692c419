"""A player that speaks RTSP in plain bytes, so that a test sees what is really sent."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic

from preview.inbox import Inbox, Packet
from preview.rtsp import Message, session_of, status_of

TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"


@dataclass(frozen=True)
class Rtp:
    """One packet as it came."""

    at: float  # monotonic
    sequence: int
    timestamp: int
    marker: bool
    payload: bytes

    @property
    def is_key(self) -> bool:
        """Whether it belongs to an IDR picture."""
        kind = self.payload[0] & 0x1F
        return (self.payload[1] & 0x1F if kind == 28 else kind) == 5


def rtp_of(data: bytes) -> Rtp:
    _, kind, sequence, timestamp, _ = struct.unpack_from("!BBHII", data)
    return Rtp(monotonic(), sequence, timestamp, bool(kind & 0x80), data[12:])


class Player:
    """Use `connected`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str
    ) -> None:
        self.url, self.session = url, ""
        self.video: list[Rtp] = []
        self.reports: list[bytes] = []
        self.over = False  # the server has hung up
        self._reader, self.writer = reader, writer
        self._inbox, self._cseq = Inbox(), 0
        self._answers: list[Message] = []

    async def ask(self, method: str, url: str = "", body: str = "", **headers: str) -> Message:
        """The answer to a request; its number is checked."""
        self._cseq += 1
        lines = {"CSeq": str(self._cseq), **headers}
        if self.session:
            lines.setdefault("Session", self.session)
        if body:
            lines["Content-Length"] = str(len(body))
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        self.writer.write(f"{method} {url or self.url} RTSP/1.0\r\n{text}\r\n{body}".encode())
        answer = await self.answer()
        assert answer.headers["cseq"] == str(self._cseq)
        return answer

    async def status(self, method: str, url: str = "", body: str = "", **headers: str) -> int:
        return status_of(await self.ask(method, url, body, **headers))

    async def answer(self) -> Message:
        await self.until(lambda: bool(self._answers))
        return self._answers.pop(0)

    async def play(self, transport: str = TCP) -> Message:
        """Set up and play; the answer to SETUP."""
        setup = await self.ask("SETUP", f"{self.url}/trackID=0", Transport=transport)
        assert status_of(setup) == 200
        self.session = session_of(setup.headers)
        assert await self.status("PLAY") == 200
        return setup

    async def until(self, is_so: Callable[[], bool], within_s: float = 10.0) -> None:
        """Read until it is so; fail if it is not in time, or never will be."""
        async with asyncio.timeout(within_s):
            while not is_so():
                assert await self.read(), "the server has hung up"

    async def read(self) -> bool:
        """Take what comes next; False at the end."""
        data = b""
        with suppress(ConnectionError):
            data = await self._reader.read(65536)
        self._inbox.feed(data)
        for item in self._inbox.take():
            if isinstance(item, Message):
                self._answers.append(item)
            else:
                self._sort(item)
        self.over = not data
        return bool(data)

    def _sort(self, packet: Packet) -> None:
        if packet.channel == 0:
            self.video.append(rtp_of(packet.data))
        else:
            self.reports.append(packet.data)

    async def until_over(self, within_s: float = 10.0) -> None:
        async with asyncio.timeout(within_s):
            while await self.read():
                pass

    @property
    def pictures(self) -> list[Rtp]:
        """The last packet of each picture."""
        return [packet for packet in self.video if packet.marker]


@asynccontextmanager
async def connected(url: str, receive_bytes: int = 0) -> AsyncGenerator[Player]:
    """A player that has asked nothing yet; *receive_bytes* makes its buffer small."""
    host, _, port = url.removeprefix("rtsp://").partition("/")[0].rpartition(":")
    sock = await _connect(host, int(port), receive_bytes)
    reader, writer = await asyncio.open_connection(sock=sock, limit=max(4096, receive_bytes))
    try:
        yield Player(reader, writer, url)
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def _connect(host: str, port: int, receive_bytes: int) -> socket.socket:
    """The server may still be starting."""
    async with asyncio.timeout(10):
        while True:
            sock = socket.socket()
            if receive_bytes:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            sock.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(sock, (host, port))
                return sock
            except ConnectionRefusedError:
                sock.close()
                await asyncio.sleep(0.05)

"""
An RTSP camera for tests: numbered pictures as H.264 over interleaved TCP.

It has what a camera may do to us: ask for a password, fall silent, hang up, change its size.
`python -m tests.rtsp_server 1280x720 15` serves until killed, for trying things by hand.
"""

import asyncio
import base64
import re
import struct
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from fractions import Fraction
from time import monotonic, time

import av
from av.video.frame import PictureType

from bus.tasks import background
from tests.pictures import Pixels, numbered
from tests.tcp import listening

PAYLOAD = 1400  # bytes of one RTP packet
CLOCK = 90_000
BACKLOG = 1 << 20  # bytes a slow player may lag behind before it misses frames


class Encoder:
    """H.264 with an IDR about once a second, parameter sets in the stream."""

    def __init__(self, width: int, height: int, fps: int) -> None:
        self.codec = av.CodecContext.create("libx264", "w")
        assert isinstance(self.codec, av.VideoCodecContext)
        self.codec.width, self.codec.height = width, height
        self.codec.pix_fmt, self.codec.time_base = "yuv420p", Fraction(1, fps)
        self.codec.framerate = Fraction(fps)
        self.codec.gop_size, self.codec.thread_count = fps, 1
        self.codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "x264-params": "repeat-headers=1",
        }
        self.number = 0

    def encode(self, pixels: Pixels, key: bool) -> bytes:
        assert isinstance(self.codec, av.VideoCodecContext)
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
        frame.pts, self.number = self.number, self.number + 1
        frame.pict_type = PictureType.I if key else PictureType.NONE
        return b"".join(bytes(packet) for packet in self.codec.encode(frame))


def rtp_packets(stream: bytes, timestamp: int, sequence: int) -> Iterator[bytes]:
    """One frame's NAL units, those too long for a packet in fragments (FU-A)."""
    units = [unit for unit in re.split(b"\0\0\0?\1", stream) if unit]
    pieces: list[bytes] = []
    for unit in units:
        if len(unit) <= PAYLOAD:
            pieces.append(unit)
            continue
        body = [unit[at : at + PAYLOAD] for at in range(1, len(unit), PAYLOAD)]
        for place, piece in enumerate(body):
            flags = 0x80 * (place == 0) | 0x40 * (place == len(body) - 1)
            pieces.append(bytes([unit[0] & 0x60 | 28, flags | unit[0] & 0x1F]) + piece)
    for place, piece in enumerate(pieces):
        marker = 0x80 * (place == len(pieces) - 1)
        number = (sequence + place) & 0xFFFF
        yield struct.pack("!BBHII", 0x80, marker | 96, number, timestamp & 0xFFFFFFFF, 7) + piece


class RtspServer:
    """What tests see and turn: use `serve_rtsp`."""

    def __init__(self, width: int, height: int, fps: int, login: str) -> None:
        self.size = (width, height)
        self.sent = 0  # the number in the newest picture
        self.played = 0  # how often somebody began to watch
        self.silent = False  # stay connected, send nothing
        self.port = 0
        self._fps, self._login = fps, login
        self._players: dict[asyncio.StreamWriter, int] = {}  # -> next RTP sequence number
        self._connections = set[asyncio.StreamWriter]()
        self._key_wanted = True

    @property
    def url(self) -> str:
        login = f"{self._login}@" if self._login else ""
        return f"rtsp://{login}127.0.0.1:{self.port}/camera"

    @property
    def watched(self) -> int:
        """How many are watching."""
        return len(self._players)

    def hang_up(self) -> None:
        for connection in self._connections:
            connection.transport.abort()

    async def film(self) -> None:
        """Send a new picture to every player, at the right time."""
        encoder, size = Encoder(*self.size, self._fps), self.size
        start, first = monotonic(), self.sent
        while True:
            due = start + (self.sent - first) / self._fps
            await asyncio.sleep(due - monotonic())
            if size != self.size:
                encoder, size = Encoder(*self.size, self._fps), self.size
            self.sent += 1
            if self._players and not self.silent:
                key, self._key_wanted = self._key_wanted, False
                data = encoder.encode(numbered(self.sent, *size), key)
                self._send(data, int(monotonic() * CLOCK))

    def _send(self, data: bytes, timestamp: int) -> None:
        for player, sequence in list(self._players.items()):
            if player.transport.get_write_buffer_size() > BACKLOG:
                self._key_wanted = True
                continue
            packets = list(rtp_packets(data, timestamp, sequence))
            self._players[player] = sequence + len(packets)
            player.write(b"".join(struct.pack("!cBH", b"$", 0, len(p)) + p for p in packets))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One player, until it leaves."""
        self._connections.add(writer)
        try:
            while True:
                if (first := await reader.readexactly(1)) == b"$":  # its RTCP reports
                    _, length = struct.unpack("!BH", await reader.readexactly(3))
                    await reader.readexactly(length)
                    continue
                request = (first + await reader.readuntil(b"\r\n\r\n")).decode()
                if not self.silent:
                    self._reply(request, writer)
        finally:
            self._players.pop(writer, None)
            self._connections.discard(writer)

    def _reply(self, request: str, writer: asyncio.StreamWriter) -> None:
        method = request.split(" ", 1)[0]
        headers = {"CSeq": re.findall(r"(?i)cseq: *(\d+)", request)[0], "Session": "1"}
        status, body = "200 OK", ""
        if not self._may(request):
            status, headers["WWW-Authenticate"] = "401 Unauthorized", 'Basic realm="camera"'
        elif method == "OPTIONS":
            headers["Public"] = "DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
        elif method == "DESCRIBE":
            headers["Content-Type"] = "application/sdp"
            body = (
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
                "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                "a=fmtp:96 packetization-mode=1\r\na=control:video\r\n"
            )
            headers["Content-Length"] = str(len(body))
        elif method == "SETUP":
            headers["Transport"] = "RTP/AVP/TCP;unicast;interleaved=0-1"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"RTSP/1.0 {status}\r\n{lines}\r\n{body}".encode())
        if method == "PLAY" and status == "200 OK":
            self._players[writer], self._key_wanted = 0, True
            self.played += 1

    def _may(self, request: str) -> bool:
        if not self._login:
            return True
        return f"Basic {base64.b64encode(self._login.encode()).decode()}" in request


@asynccontextmanager
async def serve_rtsp(
    width: int = 320, height: int = 240, fps: int = 15, *, login: str = "", port: int = 0
) -> AsyncGenerator[RtspServer]:
    """*login* is the `user:password` it asks for, if any."""
    camera = RtspServer(width, height, fps, login)
    async with listening(camera.answer, port) as camera.port, background(camera.film()):
        yield camera


async def _main(size: str, fps: str) -> None:
    width, height = map(int, size.split("x"))
    async with serve_rtsp(width, height, int(fps), port=5540) as camera:
        sys.stderr.write(f"{camera.url} at {time():.0f}\n")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))

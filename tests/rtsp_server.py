"""
An RTSP camera for tests: numbered pictures as H.264 or H.265, over TCP or UDP.

It has what a camera may do to us: ask for a password, fall silent, hang up, change its
size, lose packets on the way. `python -m tests.rtsp_server 1280x720 15` serves until
killed; what it reads on stdin is set: `size 640x480`, `loss 0.5`, `silent 1`, `hang-up`.
"""

import asyncio
import base64
import re
import socket
import struct
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from time import monotonic

import av
from av.video.frame import PictureType

from bus.tasks import background
from tests.pictures import Pixels, numbered
from tests.tcp import listening

PAYLOAD = 1400  # bytes of one RTP packet
CLOCK = 90_000
BACKLOG = 1 << 20  # bytes a slow player may lag behind before it misses frames
ENCODERS = {"h264": "libx264", "hevc": "libx265"}
NAMES = {"h264": "H264", "hevc": "H265"}  # in SDP
PARAMETERS = "repeat-headers=1:log-level=none:pools=none:frame-threads=1"


@dataclass(frozen=True)
class Film:
    """What is encoded; another one needs another encoder."""

    size: tuple[int, int]
    fps: int
    codec: str = "h264"
    gop_s: float = 1.0  # from one key frame to the next


class Encoder:
    """Parameter sets are in the stream, before every key frame."""

    def __init__(self, film: Film) -> None:
        self.film = film
        self.codec = av.CodecContext.create(ENCODERS[film.codec], "w")
        assert isinstance(self.codec, av.VideoCodecContext)
        self.codec.width, self.codec.height = film.size
        self.codec.pix_fmt, self.codec.time_base = "yuv420p", Fraction(1, film.fps)
        self.codec.framerate = Fraction(film.fps)
        self.codec.gop_size, self.codec.thread_count = round(film.gop_s * film.fps), 1
        self.codec.options = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}
        if film.codec == "h264":
            self.codec.options |= {"x264-params": "repeat-headers=1"}
        else:
            self.codec.options |= {"x265-params": PARAMETERS}
        self.number = 0

    def encode(self, pixels: Pixels, key: bool) -> bytes:
        assert isinstance(self.codec, av.VideoCodecContext)
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
        frame.pts, self.number = self.number, self.number + 1
        frame.pict_type = PictureType.I if key else PictureType.NONE
        return b"".join(bytes(packet) for packet in self.codec.encode(frame))


def rtp_packets(stream: bytes, codec: str, timestamp: int, sequence: int) -> Iterator[bytes]:
    """One frame's NAL units, those too long for a packet in fragments."""
    units = [unit for unit in re.split(b"\0\0\0?\1", stream) if unit]
    pieces = [piece for unit in units for piece in _pieces(unit, codec)]
    for place, piece in enumerate(pieces):
        marker = 0x80 * (place == len(pieces) - 1)
        number = (sequence + place) & 0xFFFF
        yield struct.pack("!BBHII", 0x80, marker | 96, number, timestamp & 0xFFFFFFFF, 7) + piece


def _pieces(unit: bytes, codec: str) -> Iterator[bytes]:
    if len(unit) <= PAYLOAD:
        yield unit
        return
    head = 1 if codec == "h264" else 2  # bytes of a NAL unit's header
    body = [unit[at : at + PAYLOAD] for at in range(head, len(unit), PAYLOAD)]
    for place, piece in enumerate(body):
        flags = 0x80 * (place == 0) | 0x40 * (place == len(body) - 1)
        if codec == "h264":  # FU-A
            yield bytes([unit[0] & 0x60 | 28, flags | unit[0] & 0x1F]) + piece
        else:
            yield bytes([unit[0] & 0x81 | 49 << 1, unit[1], flags | unit[0] >> 1 & 0x3F]) + piece


@dataclass
class Player:
    """Whoever watches: over its connection, or by UDP at a port of its own."""

    writer: asyncio.StreamWriter
    sequence: int = 0  # of the next RTP packet
    port: int = 0
    sockets: list[socket.socket] = field(default_factory=list)

    def by_udp(self, port: int) -> str:
        """Send to *port* from now on; our own two ports, as RTSP writes them."""
        self.close()
        self.port = port
        for _ in ("RTP", "RTCP"):
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind(("127.0.0.1", 0))
            udp.setblocking(False)
            self.sockets.append(udp)
        return "-".join(str(udp.getsockname()[1]) for udp in self.sockets)

    def send(self, packets: list[bytes]) -> None:
        if not self.sockets:
            self.writer.write(b"".join(struct.pack("!cBH", b"$", 0, len(p)) + p for p in packets))
            return
        with suppress(OSError):  # it has gone, or is full: UDP does not mind
            for packet in packets:
                self.sockets[0].sendto(packet, ("127.0.0.1", self.port))

    def close(self) -> None:
        while self.sockets:
            self.sockets.pop().close()


class RtspServer:
    """What tests see and turn: use `serve_rtsp`."""

    def __init__(self, film: Film, login: str) -> None:
        self.size, self.codec, self.gop_s = film.size, film.codec, film.gop_s
        self.sent = 0  # the number in the newest picture
        self.played = 0  # how often somebody began to watch
        self.sent_at = [0.0]  # monotonic seconds, by number
        self.refused = 0  # requests without the password, or with a wrong one
        self.silent = False  # stay connected, send nothing
        self.loss = 0.0  # the share of packets that UDP loses
        self.port = 0
        self._fps, self._login = film.fps, login
        self._players: dict[asyncio.StreamWriter, Player] = {}
        self._watching = set[asyncio.StreamWriter]()
        self._key_wanted, self._dice = True, Random(1)

    @property
    def url(self) -> str:
        login = f"{self._login}@" if self._login else ""
        return f"rtsp://{login}127.0.0.1:{self.port}/camera"

    @property
    def film(self) -> Film:
        return Film(self.size, self._fps, self.codec, self.gop_s)

    @property
    def watched(self) -> int:
        """How many are watching."""
        return len(self._watching)

    def hang_up(self) -> None:
        for connection in self._players:
            connection.transport.abort()

    async def run(self) -> None:
        """Send a new picture to every player, at the right time."""
        encoder = Encoder(self.film)
        start, first = monotonic(), self.sent
        while True:
            due = start + (self.sent - first) / self._fps
            await asyncio.sleep(due - monotonic())
            if encoder.film != self.film:
                encoder = Encoder(self.film)
            self.sent += 1
            self.sent_at.append(monotonic())
            if self._watching and not self.silent:
                key, self._key_wanted = self._key_wanted, False
                data = encoder.encode(numbered(self.sent, *self.size), key)
                self._send(data, int(monotonic() * CLOCK))

    def _send(self, data: bytes, timestamp: int) -> None:
        for writer in self._watching:
            player = self._players[writer]
            if writer.transport.get_write_buffer_size() > BACKLOG:
                self._key_wanted = True
                continue
            packets = list(rtp_packets(data, self.codec, timestamp, player.sequence))
            player.sequence += len(packets)
            lost = self.loss if player.sockets else 0.0
            player.send([packet for packet in packets if self._dice.random() >= lost])

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One player, until it leaves."""
        with closing(Player(writer)) as player:
            self._players[writer] = player
            try:
                await self._converse(reader, player)
            finally:
                self._watching.discard(writer)
                del self._players[writer]

    async def _converse(self, reader: asyncio.StreamReader, player: Player) -> None:
        while True:
            if (first := await reader.readexactly(1)) == b"$":  # its RTCP reports
                _, length = struct.unpack("!BH", await reader.readexactly(3))
                await reader.readexactly(length)
                continue
            request = (first + await reader.readuntil(b"\r\n\r\n")).decode()
            if not self.silent:
                self._reply(request, player)

    def _reply(self, request: str, player: Player) -> None:
        method = request.split(" ", 1)[0]
        headers = {"CSeq": re.findall(r"(?i)cseq: *(\d+)", request)[0], "Session": "1"}
        status, body = "200 OK", ""
        if not self._may(request):
            self.refused += 1
            status, headers["WWW-Authenticate"] = "401 Unauthorized", 'Basic realm="camera"'
        elif method == "OPTIONS":
            headers["Public"] = "DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
        elif method == "DESCRIBE":
            headers["Content-Type"] = "application/sdp"
            body = self._description()
            headers["Content-Length"] = str(len(body))
        elif method == "SETUP":
            headers["Transport"] = _transport(request, player)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        player.writer.write(f"RTSP/1.0 {status}\r\n{lines}\r\n{body}".encode())
        if method == "PLAY" and status == "200 OK":
            self._watching.add(player.writer)
            self._key_wanted = True
            self.played += 1
        elif method == "TEARDOWN":
            self._watching.discard(player.writer)

    def _description(self) -> str:
        return (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
            f"m=video 0 RTP/AVP 96\r\na=rtpmap:96 {NAMES[self.codec]}/90000\r\n"
            f"{'a=fmtp:96 packetization-mode=1' if self.codec == 'h264' else 'a=recvonly'}\r\n"
            "a=control:video\r\n"
        )

    def _may(self, request: str) -> bool:
        if not self._login:
            return True
        return f"Basic {base64.b64encode(self._login.encode()).decode()}" in request


def _transport(request: str, player: Player) -> str:
    if by_udp := re.search(r"client_port=((\d+)-\d+)", request):
        ports = player.by_udp(int(by_udp[2]))
        return f"RTP/AVP;unicast;client_port={by_udp[1]};server_port={ports}"
    return "RTP/AVP/TCP;unicast;interleaved=0-1"


@asynccontextmanager
async def serve_rtsp(
    width: int = 320, height: int = 240, fps: int = 15, *, login: str = "", port: int = 0
) -> AsyncGenerator[RtspServer]:
    """*login* is the `user:password` it asks for, if any."""
    camera = RtspServer(Film((width, height), fps), login)
    async with listening(camera.answer, port) as camera.port, background(camera.run()):
        yield camera


def _turn(camera: RtspServer, line: str) -> None:
    """Do what *line* says."""
    name, _, value = line.strip().partition(" ")
    if name == "size":
        width, height = map(int, value.split("x"))
        camera.size = (width, height)
    elif name == "codec":
        camera.codec = value
    elif name == "hang-up":
        camera.hang_up()
    elif name == "silent":
        camera.silent = value == "1"
    elif name in ("loss", "gop_s"):
        setattr(camera, name, float(value))


async def _main(size: str, fps: str, port: str = "5540", login: str = "") -> None:
    width, height = map(int, size.split("x"))
    loop = asyncio.get_running_loop()
    async with serve_rtsp(width, height, int(fps), login=login, port=int(port)) as camera:
        sys.stdout.write(f"{camera.url}\n")
        sys.stdout.flush()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            _turn(camera, line)
        await asyncio.Event().wait()  # started with nothing to read


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))

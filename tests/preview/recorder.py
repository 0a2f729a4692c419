"""A server that streams are pushed to, as far as a test needs one: use `recording`."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from preview import digest
from preview.inbox import Inbox, Packet
from preview.rtsp import Message, request_of
from tests.preview.player import Rtp, rtp_of
from tests.tcp import listening

NONCE = "once"


class Recorder:
    """It may ask for a login, refuse, or hang up."""

    def __init__(self, login: digest.Login | None) -> None:
        self.port = 0
        self.refuses = False
        self.asked = Counter[str]()
        self.announced = list[str]()  # paths
        self.video: list[Rtp] = []
        self._login = login
        self._writers = set[asyncio.StreamWriter]()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        inbox = Inbox()
        while data := await reader.read(65536):
            inbox.feed(data)
            for item in inbox.take():
                if isinstance(item, Message):
                    self._reply(item, writer)
                else:
                    self._keep(item)

    def _keep(self, packet: Packet) -> None:
        if packet.channel == 4:
            self.video.append(rtp_of(packet.data))

    def _reply(self, message: Message, writer: asyncio.StreamWriter) -> None:
        request = request_of(message)
        status, more = "200 OK", "Session: 7;timeout=60\r\nTransport: interleaved=4-5\r\n"
        given = request.headers.get("authorization", "")
        if self._login and not digest.is_right(given, request.method, self._login, NONCE):
            status = "401 Unauthorized"
            more = f"WWW-Authenticate: {digest.challenge(NONCE)}\r\n"
        elif self.refuses:
            status, more = "403 Forbidden", ""
        elif request.method == "ANNOUNCE":
            assert b"sprop-parameter-sets=" in request.body
            self.announced.append(request.url.rpartition("/")[2])
        self.asked[f"{request.method} {status[:3]}"] += 1
        cseq = request.headers["cseq"]
        writer.write(f"RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{more}\r\n".encode())


@asynccontextmanager
async def recording(login: digest.Login | None = None) -> AsyncGenerator[Recorder]:
    recorder = Recorder(login)
    async with listening(recorder.answer) as recorder.port:
        yield recorder

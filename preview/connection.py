"""The connection of one player: bytes in and out, and the limits to both."""

import asyncio
import logging
import socket
from collections.abc import Callable
from time import monotonic

from bus.errors import Unavailable, UnknownCamera
from preview.dialogue import Dialogue, House
from preview.inbox import Inbox
from preview.outlets import InterleavedOutlet, Outlet, open_datagrams
from preview.rtcp import is_report
from preview.rtsp import Answer, Message, RtspError, cseq_of, encode_answer, request_of
from preview.transport import Interleaved, Transport
from preview.viewer import BACKLOG_BYTES

log = logging.getLogger(__name__)

READ_BYTES = 4096
UNREAD_BYTES = BACKLOG_BYTES + 65536  # who reads no answers while asking on is cut off
KERNEL_BYTES = 1 << 18  # it would keep seconds of pictures for a slow player
LINGER_S = 0.25  # for the last words


class Connection:
    """`run` until the player leaves, breaks the rules or falls silent."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        house: House,
        *,
        full: bool = False,
    ) -> None:
        self.here = str(writer.get_extra_info("sockname")[0])
        self.there = str(writer.get_extra_info("peername")[0])
        self._reader, self._writer, self._house, self._full = reader, writer, house, full
        self._dialogue, self._inbox = Dialogue(house, self), Inbox()
        self._began: float | None = monotonic()  # when the request began that is not whole

    async def run(self) -> None:
        try:
            tune(self._writer)
            while data := await self._read():
                await self._take(data)
        except RtspError as error:  # what follows in the connection cannot be understood
            self._write(Answer(error.status, error.headers), None)
        except OSError:
            pass
        finally:
            self._dialogue.close()
            await self._hang_up()

    async def _read(self) -> bytes:
        """What comes next; nothing when the player is gone or has been silent for too long."""
        while (left_s := self._patience_ends() - monotonic()) > 0:
            limit = asyncio.timeout(left_s)
            try:
                async with limit:
                    return await self._reader.read(READ_BYTES)
            except TimeoutError:
                if not limit.expired():  # it was the network's
                    return b""
        return b""

    def _patience_ends(self) -> float:
        if self._began is not None:
            return self._began + self._house.request_s
        return self._dialogue.sign_of_life + self._house.timeout_s

    async def _take(self, data: bytes) -> None:
        self._inbox.feed(data)
        for item in self._inbox.take():
            self._began = None
            if isinstance(item, Message):
                await self._answer(item)
            elif is_report(item.data):
                self._dialogue.hear()
        if not self._inbox.partial:
            self._began = None
        elif self._began is None:
            self._began = monotonic()
        await asyncio.sleep(0)  # one who asks and asks must not have the loop to himself

    async def _answer(self, message: Message) -> None:
        cseq: int | None = None
        try:
            cseq = cseq_of(message.headers)
            answer = await self._act(message)
        except RtspError as error:
            self._write(Answer(error.status, error.headers), cseq)
            if error.fatal:
                raise ConnectionError from error
        else:
            self._write(answer, cseq)

    async def _act(self, message: Message) -> Answer:
        request = request_of(message)
        if self._full:
            raise RtspError(453, fatal=True)
        try:
            return await self._dialogue.answer(request)
        except UnknownCamera as error:
            raise RtspError(404) from error
        except Unavailable as error:
            raise RtspError(503) from error

    def _write(self, answer: Answer, cseq: int | None) -> None:
        if self._writer.transport.get_write_buffer_size() > UNREAD_BYTES:
            raise ConnectionError
        if not self._writer.is_closing():
            self._writer.write(encode_answer(answer, cseq))

    async def open(self, transport: Transport, heard: Callable[[], None]) -> Outlet:
        """The way for packets that *transport* asks for."""
        if isinstance(transport, Interleaved):
            return InterleavedOutlet(self._writer.transport, transport)
        return await open_datagrams(self.here, self.there, transport, heard)

    async def _hang_up(self) -> None:
        self._writer.close()
        try:
            async with asyncio.timeout(LINGER_S):
                await self._writer.wait_closed()
        except OSError:  # a time-out is one
            pass
        finally:
            self._writer.transport.abort()


def tune(writer: asyncio.StreamWriter) -> None:
    """asyncio has set TCP_NODELAY already."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)

"""uvicorn as we need it: no signals of its own, nothing old in its buffers, no waiting for ever."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

UNSENT_BYTES = 64 * 1024  # what the kernel holds back for a slow client; the next picture is newer
FAREWELL_S = 2.0  # to read the end of an answer


class Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """`bus.process` has the signals."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for listening in server.sockets:  # whom it accepts has its options
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        leaving = asyncio.get_running_loop().call_later(FAREWELL_S, self._hang_up)
        await super().shutdown(sockets)
        leaving.cancel()

    def _hang_up(self) -> None:
        """On those who do not read: uvicorn would wait for them."""
        for connection in list(self.server_state.connections):
            transport = connection.transport
            if isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size():
                transport.abort()

"""uvicorn as we need it: no signals of its own, nothing old in its buffers, no waiting for ever."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.limits import FULL

UNSENT_BYTES = 64 * 1024  # what the kernel holds back for a slow client; the next picture is newer
FAREWELL_S = 2.0  # to read the end of an answer
SURPLUS = 32  # connections beyond the limit that are told so; more are closed without a word


class Config(uvicorn.Config):
    """With what uvicorn does not limit: the time for the head of a request, and connections."""

    def __init__(self, app: Any, *, head_s: float, max_connections: int, **options: Any) -> None:
        super().__init__(app, http=Connection, **options)
        self.head_s, self.max_connections = head_s, max_connections


class Connection(H11Protocol):  # the faster httptools sets no limit to headers
    """A client's, as long as it speaks HTTP. It needs a `Config` of ours."""

    config: Config
    _patience: asyncio.TimerHandle | None = None  # while the head of a request is waited for
    _upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        surplus = len(self.connections) - self.config.max_connections
        if surplus > SURPLUS:
            transport.abort()
        elif surplus > 0:
            self.app_state = {**self.app_state, FULL: True}
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._expect_nothing()

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._upgraded = True
        super().handle_websocket_upgrade(event)

    def _expect_head(self) -> None:
        """The first one from now on, a later one from its first byte: silence ends sooner."""
        if self._upgraded or (self.cycle and not self.cycle.response_complete):
            self._expect_nothing()
        elif not self._patience:
            self._patience = self.loop.call_later(self.config.head_s, self.transport.close)

    def _expect_nothing(self) -> None:
        if self._patience:
            self._patience.cancel()
            self._patience = None


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

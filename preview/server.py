"""The RTSP server: takes connections, as many as there may be."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bus.errors import BadSettings
from bus.tasks import background
from preview.connection import Connection
from preview.dialogue import House

log = logging.getLogger(__name__)

SURPLUS = 8  # connections beyond the limit that are told so; more are closed without a word


class Server:
    """Use `open_server`."""

    def __init__(self, house: House, clients: int) -> None:
        self.port = 0
        self._house, self._clients = house, clients
        self._tasks: asyncio.TaskGroup
        self.connections = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as self._tasks:
            await asyncio.Event().wait()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.connections >= self._clients + SURPLUS:
            writer.transport.abort()
            return
        connection = Connection(reader, writer, self._house, full=self.connections >= self._clients)
        self._tasks.create_task(self._serve(connection))

    async def _serve(self, connection: Connection) -> None:
        self.connections += 1
        try:
            await connection.run()
        except Exception:  # one player must not take the others with it
            log.exception("connection crashed")
        finally:
            self.connections -= 1


@asynccontextmanager
async def open_server(house: House, host: str, port: int, clients: int) -> AsyncGenerator[Server]:
    server = Server(house, clients)
    try:
        listener = await asyncio.start_server(server.accept, host, port, start_serving=False)
    except OSError as error:
        where = f"{host}:{port}: {error.strerror or error}"
        raise BadSettings(f"LOOKOUT_PREVIEW_PORT: cannot listen on {where}") from error
    server.port = listener.sockets[0].getsockname()[1]
    async with background(server.run()):
        try:
            await listener.start_serving()
            yield server
        finally:
            listener.close()

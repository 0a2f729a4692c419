"""
The least that can answer: one fixed answer for whatever arrives, without looking at it.

    python -m tests.bench.mirror 9000 answer

What the load generator reaches against it is the generator's own limit.
"""

import asyncio
import sys
from pathlib import Path

from tests.bench.load import message


class Mirror(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._answer)


async def main(port: int, answer: bytes) -> None:
    server = await asyncio.get_running_loop().create_server(
        lambda: Mirror(answer), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    body = Path(sys.argv[2]).read_bytes()
    asyncio.run(main(int(sys.argv[1]), message("HTTP/1.1 200 OK", body)))

"""
HTTP load from one thread: each connection asks again as soon as it has its answer.

    python -m tests.bench.load 127.0.0.1 9000 16 1.5 < request

The request is sent as it is read, headers and all. Plain sockets: what this costs is
taken from the processors that the server could have had.
"""

import re
import socket
import sys
from selectors import EVENT_READ, DefaultSelector
from time import perf_counter

from tests.bench.processes import say
from tests.bench.table import percentile

WARM_UP = 0.25  # of the whole time
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Connection:
    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request, self._answer = request, b""
        self.asked = 0.0

    def ask(self) -> None:
        self._answer = b""
        self.asked = perf_counter()
        self.socket.sendall(self._request)

    def hear(self) -> bool:
        """Take what has come; whether the answer is complete."""
        data = self.socket.recv(1 << 16)
        self._answer += data
        head, _, body = self._answer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not data or not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the server answered {self._answer[:500]!r}")
        return length is not None and len(body) >= int(length[1])


def message(first_line: str, body: bytes) -> bytes:
    """A request or an answer as it stands on the wire."""
    lines = (first_line, "Host: bench", "Content-Type: application/json")
    return "\r\n".join((*lines, f"Content-Length: {len(body)}", "", "")).encode() + body


def drive(address: tuple[str, int], request: bytes, count: int, seconds: float) -> dict[str, float]:
    """How long the answers took to what was asked after the first moments."""
    connections = [Connection(address, request) for _ in range(count)]
    selector = DefaultSelector()
    began = perf_counter()
    counting_from, end = began + seconds * WARM_UP, began + seconds
    latencies, asked = [], count
    for connection in connections:
        selector.register(connection.socket, EVENT_READ, connection)
        connection.ask()
    while (now := perf_counter()) < end:
        for key, _ in selector.select(end - now):
            connection = key.data
            if connection.hear():
                if connection.asked > counting_from:
                    latencies.append((perf_counter() - connection.asked) * 1000)
                connection.ask()
                asked += 1
    return {
        "p50": percentile(latencies, 50),
        "p99": percentile(latencies, 99),
        "per_s": len(latencies) / (seconds * (1 - WARM_UP)),
        "asked": asked,
    }


def main(host: str, port: str, count: str, seconds: str) -> None:
    request = sys.stdin.buffer.read()
    say(drive((host, int(port)), request, int(count), float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])

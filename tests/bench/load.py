"""
HTTP load from one thread, over plain sockets: it shares the processors with the server.

    python -m tests.bench.load 9000 16 1.5 0 < request

Sends what it reads, headers and all, to that port over 16 connections for 1.5 s. With a
rate of 0 each connection asks again as soon as it has its answer; else they ask so many
times a second together, in turn, and a request that had to wait is late from when it was due.
"""

import re
import socket
import sys
from heapq import heappop, heappush
from selectors import EVENT_READ, DefaultSelector
from time import perf_counter

from tests.bench.processes import say
from tests.bench.table import percentile

WARM_UP = 0.25  # of the whole time
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Connection:
    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request, self._answer = request, b""
        self.asked = 0.0

    def ask(self, at: float) -> None:
        self._answer, self.asked = b"", at
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


class Load:
    def __init__(self, port: int, request: bytes, count: int, seconds: float, rate: float) -> None:
        self._connections = [Connection(port, request) for _ in range(count)]
        self._selector = DefaultSelector()
        self._began = perf_counter()
        self._counting_from, self._end = self._began + seconds * WARM_UP, self._began + seconds
        self._gap_s = count / rate if rate else 0.0
        self._due: list[tuple[float, int]] = []  # a heap: when, and which connection
        self._latencies: list[float] = []
        self._asked = 0

    def run(self) -> dict[str, float]:
        """How long the answers took to what was asked after the first moments."""
        for number, connection in enumerate(self._connections):
            self._selector.register(connection.socket, EVENT_READ, number)
            offset_s = self._gap_s * number / len(self._connections)
            heappush(self._due, (self._began + offset_s, number))
        while (now := perf_counter()) < self._end:
            while self._due and self._due[0][0] <= now:
                due, number = heappop(self._due)
                self._connections[number].ask(due if self._gap_s else perf_counter())
                self._asked += 1
            wake = min(self._due[0][0] if self._due else self._end, self._end)
            for key, _ in self._selector.select(max(0.0, wake - now)):
                self._hear(key.data)
        return {
            "p50": percentile(self._latencies, 50),
            "p99": percentile(self._latencies, 99),
            "per_s": len(self._latencies) / (self._end - self._counting_from),
            "asked": self._asked,
        }

    def _hear(self, number: int) -> None:
        connection = self._connections[number]
        if connection.hear():
            if connection.asked > self._counting_from:
                self._latencies.append((perf_counter() - connection.asked) * 1000)
            heappush(self._due, (connection.asked + self._gap_s, number))


def main(port: str, count: str, seconds: str, rate: str) -> None:
    request = sys.stdin.buffer.read()
    say(Load(int(port), request, int(count), float(seconds), float(rate)).run())


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A web server that events are sent to, and that answers as its paths say."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import msgspec


@dataclass(frozen=True)
class Call:
    """What somebody has posted."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def event(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def id(self) -> str:
        return self.headers["x-lookout-delivery"]


@dataclass
class Receiver:
    """`/ok`, `/410`, and so on: that status; what `answers` says of a path goes first."""

    port: int
    calls: list[Call] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)  # of each answer that is no success
    slow_s: float = 0.0  # /slow waits so long
    gate: threading.Event = field(default_factory=threading.Event)  # /held waits for it

    def url(self, path: str, login: str = "") -> str:
        return f"http://{login + '@' if login else ''}127.0.0.1:{self.port}/{path}"

    def to(self, path: str) -> list[Call]:
        return [call for call in self.calls if urlsplit(call.path).path == f"/{path}"]

    def status(self, path: str) -> int:
        name = urlsplit(path).path.strip("/")
        if name == "slow":
            time.sleep(self.slow_s)
        if name == "held":
            self.gate.wait(20)
        if left := self.answers.get(name):
            return left.pop(0)
        return int(name) if name.isdecimal() else 200


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    class Visit(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.calls.append(Call(self.path, headers, body))
            status = receiver.status(self.path)
            self.close_connection = True
            with suppress(ConnectionError):
                self.send_response(status)
                for name, value in receiver.headers.items() if status >= 300 else ():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Visit) as server:
        server.daemon_threads = True
        receiver = Receiver(server.server_port)
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        try:
            yield receiver
        finally:
            receiver.gate.set()
            server.shutdown()
            serving.join()

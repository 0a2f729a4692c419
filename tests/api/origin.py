"""A web server for pictures that does to its visitors what its paths say."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.api.asking import GREEN, file_of, solid


@dataclass
class Origin:
    port: int
    asked: list[str] = field(default_factory=list)  # paths, in order
    logins: list[str | None] = field(default_factory=list)  # as the same visits brought them
    gone: threading.Event = field(default_factory=threading.Event)  # a visitor left early

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{path}"


def picture(visit: BaseHTTPRequestHandler) -> None:
    send(visit, "image/png", file_of(solid(GREEN)))


def unlabelled(visit: BaseHTTPRequestHandler) -> None:
    """A picture without any header that says so, and without its length."""
    visit.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + file_of(solid(GREEN)))


def chunked(visit: BaseHTTPRequestHandler) -> None:
    visit.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    data = file_of(solid(GREEN))
    for piece in (data[:10], data[10:], b""):
        visit.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))


def page(visit: BaseHTTPRequestHandler) -> None:
    send(visit, "image/png", b"<!doctype html><title>Please log in</title>")


def text(visit: BaseHTTPRequestHandler) -> None:
    """A picture that is called what it is not."""
    send(visit, "text/plain", file_of(solid(GREEN)))


def html(visit: BaseHTTPRequestHandler) -> None:
    send(visit, "Text/HTML; charset=utf-8", b"<!doctype html><img src=cat.jpg>")


def packed(visit: BaseHTTPRequestHandler) -> None:
    """A picture of few bytes that would be many."""
    data = gzip.compress(file_of(solid(GREEN)) + bytes(100 << 20), 1)
    visit.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: GZip\r\n\r\n" + data)


def private(visit: BaseHTTPRequestHandler) -> None:
    """For `user` with the password `s3cret` only."""
    if visit.headers.get("authorization") == "Basic dXNlcjpzM2NyZXQ=":
        picture(visit)
    else:
        visit.send_error(401)


def babble(visit: BaseHTTPRequestHandler) -> None:
    """What it says instead of a status has no end."""
    visit.wfile.write(b"HTTP/1.1 two hundred " + b"x" * 30_000 + b"\r\n\r\n")


def missing(visit: BaseHTTPRequestHandler) -> None:
    visit.send_error(404)


def away(visit: BaseHTTPRequestHandler) -> None:
    """To wherever `?to=` says."""
    visit.send_response(302)
    visit.send_header("Location", dict(parse_qsl(urlsplit(visit.path).query))["to"])
    visit.send_header("Content-Length", "0")
    visit.end_headers()


def relative(visit: BaseHTTPRequestHandler) -> None:
    visit.wfile.write(b"HTTP/1.1 307 Over there\r\nLocation: picture?again#1\r\n\r\n")


def loop(visit: BaseHTTPRequestHandler) -> None:
    visit.wfile.write(b"HTTP/1.1 301 Here\r\nLocation: /loop\r\n\r\n")


def drip(visit: BaseHTTPRequestHandler) -> None:
    """A byte now and then, for ever: no single wait is long."""
    visit.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
    while True:
        visit.wfile.write(b"\x89")
        threading.Event().wait(0.05)


def silent(visit: BaseHTTPRequestHandler) -> None:
    visit.rfile.read(1)  # until the visitor has had enough


def short(visit: BaseHTTPRequestHandler) -> None:
    """Less than was promised."""
    visit.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n\x89PNG")


def long(visit: BaseHTTPRequestHandler) -> None:
    """More than was promised."""
    data = file_of(solid(GREEN))
    visit.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data))
    visit.wfile.write(data + b"x" * 100_000)


def huge(visit: BaseHTTPRequestHandler) -> None:
    """Announces more than anybody wants, and would send it."""
    visit.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    endless(visit, b"")


def endless(visit: BaseHTTPRequestHandler, head: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> None:
    visit.wfile.write(head)
    while True:
        visit.wfile.write(b"x" * 65536)


def headers(visit: BaseHTTPRequestHandler) -> None:
    visit.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        visit.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")


def nonsense(visit: BaseHTTPRequestHandler) -> None:
    visit.wfile.write(b"\x00\xff SSH-2.0 is what this is\r\n\r\n")


def length(visit: BaseHTTPRequestHandler) -> None:
    visit.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: minus one\r\n\r\n")


def hangs_up(visit: BaseHTTPRequestHandler) -> None:
    pass


def send(visit: BaseHTTPRequestHandler, kind: str, data: bytes) -> None:
    visit.send_response(200)
    visit.send_header("Content-Type", kind)
    visit.send_header("Content-Length", str(len(data)))
    visit.end_headers()
    visit.wfile.write(data)


BEHAVIOURS: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    one.__name__: one
    for one in (
        *(picture, unlabelled, chunked, page, missing, away, relative, loop, drip, silent),
        *(short, long, huge, endless, headers, nonsense, length, hangs_up),
        *(text, html, packed, private, babble),
    )
}


@contextmanager
def serving() -> Iterator[Origin]:
    class Visit(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path.strip("/")
            origin.asked.append(self.path.removeprefix("/"))
            origin.logins.append(self.headers.get("authorization"))
            self.close_connection = True
            with suppress(ConnectionError):
                BEHAVIOURS[path](self)
                return
            origin.gone.set()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Visit) as server:
        server.daemon_threads = True
        origin = Origin(server.server_port)
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        yield origin
        server.shutdown()
        serving.join()

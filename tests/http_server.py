"""HTTP cameras for tests: MJPEG without end, pictures, files, a locked door, a wall."""

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

from bus.jpeg import encode_jpeg
from tests.pictures import numbered
from tests.tcp import listening

PART = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
MIXED = "multipart/x-mixed-replace;boundary=frame"

# Signed by itself, as cameras have it.
KEY = """
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKWoav5tjUhg4Stas
EFbfXfjnPO1FVFnH7UmhFVDSPz+hRANCAASKCcFccSFDNroHZbiLwhluip0btWdM
FE2WuO9yyecV9Hb8U3SXczYIz/JbZBxBPm4pRAM03nPNo9XJ0jwc/Vi8
"""
CERTIFICATE = """
MIIBeTCCAR+gAwIBAgIUeg2Lc6CqW8NdtmN+/XLigBs7WwYwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGY2FtZXJhMCAXDTI2MTEyMzIxMTMyMloYDzIxMjYxMDMwMjEx
MzIyWjARMQ8wDQYDVQQDDAZjYW1lcmEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AASKCcFccSFDNroHZbiLwhluip0btWdMFE2WuO9yyecV9Hb8U3SXczYIz/JbZBxB
Pm4pRAM03nPNo9XJ0jwc/Vi8o1MwUTAdBgNVHQ4EFgQU7Qng2Vrl6fmB0And9nm6
hIWuzUgwHwYDVR0jBBgwFoAU7Qng2Vrl6fmB0And9nm6hIWuzUgwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA1IJutcAiUwAGVm+4JyOAgDAo2o4+
avPmbskSa6aoapYCIFeI3ySj3gkG8cLXP52bg47NmDmpmkc/RIoJixtdNQCK
"""


@dataclass(frozen=True)
class Request:
    target: str  # path and query as they were sent
    headers: dict[str, str]  # names in small letters
    connection: int  # the how-manieth

    @property
    def path(self) -> str:
        return urlsplit(self.target).path.strip("/")


Route = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def response(body: bytes = b"", status: int = 200, **headers: str) -> bytes:
    """One whole answer; a `_` in a header's name is a `-`."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} So\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
    return head.encode() + body


def always(answer: bytes) -> Route:
    async def route(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return route


class HttpServer:
    """`/live.mjpeg`, `/locked`, `/silent`, the files of a folder, and *routes*: `serve_http`."""

    def __init__(self, folder: Path, fps: int, tls: ssl.SSLContext | None) -> None:
        self.port = self.connections = 0
        self.sent = 0  # the number in the newest picture of any MJPEG viewer
        self.seen: list[Request] = []
        self.in_parts = False  # whether files may be read from the middle
        self.routes: dict[str, Route] = {
            "live.mjpeg": self._film,
            "locked": always(response(status=401, WWW_Authenticate='Basic realm="x"')),
            "silent": self._say_nothing,
        }
        self._folder, self._fps, self._tls = folder, fps, tls

    def url(self, path: str, login: str = "") -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{login + '@' if login else ''}127.0.0.1:{self.port}/{path}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Everything that is asked on one connection."""
        if self._tls:
            await writer.start_tls(self._tls)
        self.connections += 1
        connection = self.connections
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            fields = re.findall(r"(?m)^([^:\r\n]+): *(.*)\r$", head)
            headers = {name.lower(): value for name, value in fields}
            request = Request(head.split(" ")[1], headers, connection)
            self.seen.append(request)
            await self.routes.get(request.path, self._file)(request, writer)
            await writer.drain()

    async def _file(self, request: Request, writer: asyncio.StreamWriter) -> None:
        file = self._folder / request.path
        if not file.is_file():
            writer.write(response(status=404))
            return
        data, part = file.read_bytes(), re.match(r"bytes=(\d+)-", request.headers.get("range", ""))
        if self.in_parts and part:
            writer.write(response(data[int(part[1]) :], 206))
        elif self.in_parts:
            writer.write(response(data, Accept_Ranges="bytes"))
        else:
            writer.write(response(data))

    async def _say_nothing(self, request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def _film(self, request: Request, writer: asyncio.StreamWriter) -> None:
        begin(writer, MIXED)
        while True:
            self.sent += 1
            jpeg = encode_jpeg(numbered(self.sent))
            writer.write(PART % (len(jpeg), jpeg))
            await writer.drain()
            await asyncio.sleep(1 / self._fps)


def begin(writer: asyncio.StreamWriter, kind: str) -> None:
    """The head of an answer that ends when the connection does."""
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())


def own_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with NamedTemporaryFile("w", suffix=".pem") as file:
        for name, text in (("PRIVATE KEY", KEY), ("CERTIFICATE", CERTIFICATE)):
            file.write(f"-----BEGIN {name}-----{text}-----END {name}-----\n")
        file.flush()
        context.load_cert_chain(file.name)
    return context


@asynccontextmanager
async def serve_http(
    folder: Path, fps: int = 15, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[HttpServer]:
    camera = HttpServer(folder, fps, tls)
    async with listening(camera.answer) as camera.port:
        yield camera

"""HTTP cameras for tests: MJPEG without end, files, a locked door, a wall."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bus.jpeg import encode_jpeg
from tests.pictures import numbered
from tests.tcp import listening

PART = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"


class HttpServer:
    """`/live.mjpeg`, `/locked`, `/silent`, and the files of a folder. Use `serve_http`."""

    def __init__(self, folder: Path, fps: int) -> None:
        self.port = 0
        self.sent = 0  # the number in the newest picture of any MJPEG viewer
        self._folder, self._fps = folder, fps

    def url(self, path: str, login: str = "") -> str:
        return f"http://{login + '@' if login else ''}127.0.0.1:{self.port}/{path}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        path = request.split(b" ")[1].decode().strip("/")
        if path == "live.mjpeg":
            await self._film(writer)
        elif path == "silent":
            await reader.read()  # until the client has had enough
        else:
            writer.write(self._file(path))
            await writer.drain()

    def _file(self, path: str) -> bytes:
        file = self._folder / path
        if path == "locked":
            return b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
        if not file.is_file():
            return b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
        data = file.read_bytes()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)

    async def _film(self, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n"
        )
        while True:
            self.sent += 1
            jpeg = encode_jpeg(numbered(self.sent))
            writer.write(PART % (len(jpeg), jpeg))
            await writer.drain()
            await asyncio.sleep(1 / self._fps)


@asynccontextmanager
async def serve_http(folder: Path, fps: int = 15) -> AsyncGenerator[HttpServer]:
    camera = HttpServer(folder, fps)
    async with listening(camera.answer) as camera.port:
        yield camera

"""Slow, silent and too many clients hold nothing that others need."""

import asyncio
import socket
from contextlib import AsyncExitStack, closing, suppress

import httpx
import pytest

from api.listening import listen
from api.settings import ApiSettings
from bus.errors import BadSettings
from compose.ports import free_port
from tests.api.asking import CHAT, refused
from tests.api.serving import serving
from tests.conftest import Run

HEAD = b"POST %s HTTP/1.1\r\nHost: a\r\n" % CHAT.encode()
HASTY = ApiSettings(receive_timeout_s=0.4)
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def opened(stack: AsyncExitStack, port: int) -> Stream:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def close() -> None:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()

    stack.push_async_callback(close)
    return reader, writer


async def read(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the server hangs up."""
    async with asyncio.timeout(10):
        return await reader.read()


def test_a_body_that_does_not_come_is_a_timeout(run: Run) -> None:
    async def scenario() -> None:
        async with serving(HASTY) as port, AsyncExitStack() as stack:
            for announced in (b"Content-Length: 100", b"Transfer-Encoding: chunked"):
                reader, writer = await opened(stack, port)
                writer.write(HEAD + announced + b"\r\n\r\n")
                async with asyncio.timeout(10):
                    head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 408 ")
                assert b"request_timeout" in await read(reader)  # and then it hangs up

    run(scenario())


def test_a_body_that_drips_is_a_timeout_too(run: Run) -> None:
    async def scenario() -> None:
        async with serving(HASTY) as port, AsyncExitStack() as stack:
            reader, writer = await opened(stack, port)
            writer.write(HEAD + b"Content-Length: 1000\r\n\r\n")

            async def drip() -> None:
                while True:
                    writer.write(b"x")
                    await asyncio.sleep(0.05)

            dripping = asyncio.create_task(drip())
            try:
                assert (await read(reader)).startswith(b"HTTP/1.1 408 ")
            finally:
                dripping.cancel()

    run(scenario())


def test_a_head_that_does_not_come_ends_the_connection(run: Run) -> None:
    async def scenario() -> None:
        async with serving(HASTY) as port, AsyncExitStack() as stack:
            for begun in (b"", b"GET / HT", HEAD):
                reader, writer = await opened(stack, port)
                writer.write(begun)
                assert await read(reader) == b""
            reader, writer = await opened(stack, port)  # a second request on a connection, too
            writer.write(b"GET /v1/x HTTP/1.1\r\nHost: a\r\n\r\n")
            async with asyncio.timeout(10):
                await reader.readuntil(b"\r\n\r\n")
            writer.write(b"GET /v1/x HT")
            assert (await read(reader)).endswith(b"}")

    run(scenario())


def test_an_answer_may_take_longer_than_a_request(run: Run) -> None:
    async def scenario() -> None:
        async with serving(HASTY) as port, AsyncExitStack() as stack:
            reader, writer = await opened(stack, port)
            writer.write(b"GET /open HTTP/1.1\r\nHost: a\r\n\r\n")
            waiting = asyncio.create_task(reader.read(1))
            _, still = await asyncio.wait([waiting], timeout=1.0)
            assert still
            waiting.cancel()

    run(scenario())


def test_a_connection_too_many_is_told_so_but_for_the_health_checks(run: Run) -> None:
    async def scenario() -> None:
        settings = ApiSettings(max_connections=3)
        async with serving(settings) as port, AsyncExitStack() as stack:
            for _ in range(3):
                await opened(stack, port)
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                full = await http.post(CHAT, json={})
                refused(full, 503, "unavailable")
                assert full.headers["retry-after"]
                assert full.headers["connection"] == "close"
                assert (await http.get("/health/live")).status_code == 200
        async with serving(settings) as port, AsyncExitStack() as stack:
            many = [await opened(stack, port) for _ in range(3 + 32 + 1)]
            assert await read(many[-1][0]) == b""

    run(scenario())


@pytest.mark.parametrize("origin", ["app.example", "https://app.example/", "https://a/b", "a b"])
def test_an_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    with pytest.raises(BadSettings, match="LOOKOUT_CORS_ORIGINS"):
        ApiSettings(cors_origins=(origin,))


def test_an_answer_in_two_parts_does_not_wait_for_the_first_to_be_acknowledged(run: Run) -> None:
    """asyncio sees to that only where the listening socket names its protocol."""
    (listening,) = listen(ApiSettings(port=free_port()))
    with closing(listening), socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP


def test_every_answer_has_an_id_and_says_how_long_it_took(run: Run) -> None:
    async def scenario() -> None:
        async with serving(ApiSettings(max_body_mb=0.001)) as port:
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                fine = await http.post(CHAT, json={}, headers={"x-request-id": "a.b:c-1_2"})
                assert fine.headers["x-request-id"] == "a.b:c-1_2"
                too_large = await http.post(CHAT, content=b"x" * 5000)
                assert too_large.status_code == 413
                for unfit in ("", "-a", "x" * 129, "a b"):
                    answer = await http.get("/", headers={"x-request-id": unfit})
                    assert answer.headers["x-request-id"].startswith("req_")
                for answer in (fine, too_large):
                    assert int(answer.headers["openai-processing-ms"]) >= 0

    run(scenario())

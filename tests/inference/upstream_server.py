"""
Real HTTP servers that speak OpenAI's API, or do what such servers do on bad days.

`python -m tests.inference.upstream_server` is one as a process: it prints its port. With a
status and a number of seconds behind it, it refuses everything and says when to come back.
"""

import asyncio
import json
import re
import sys
from base64 import b64decode
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from inference.engine import Pixels
from inference.upstream.client import Upstream, open_upstream
from inference.upstream.endpoint import VLLM, Deadlines, Dialect, Endpoint
from tests.tcp import listening

Behaviour = Callable[["Asked", "Reply"], Awaitable[None]]
USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 3}}
PATIENT = Deadlines(connect_s=5, first_token_s=20, token_s=20)
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Asked:
    """A request for a chat."""

    headers: dict[str, str]  # names in small letters
    body: dict[str, Any]
    connection: int  # the how-manieth

    @property
    def pictures(self) -> list[Pixels]:
        """In the order in which the request shows them."""
        parts = [
            p for m in self.body["messages"] if isinstance(m["content"], list) for p in m["content"]
        ]
        urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        return [_decoded(url) for url in urls]


def _decoded(url: str) -> Pixels:
    assert url.startswith("data:image/")
    data = np.frombuffer(b64decode(url.partition(",")[2]), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


@dataclass
class Reply:
    """What a behaviour writes to."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def whole(self, status: int, body: bytes | dict[str, Any], **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/json" if isinstance(body, dict) else "text/html"
        lines = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
        self.writer.write(
            f"HTTP/1.1 {status} So\r\nContent-Type: {kind}\r\n{lines}"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
        )
        self.writer.write(data)
        await self.writer.drain()

    async def begin(self) -> None:
        self.writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )

    async def send(self, data: bytes) -> None:
        self.writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await self.writer.drain()

    async def chunk(self, delta: dict[str, Any], reason: str | None = None, **more: Any) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, **more}
        await self.send(event({"choices": [choice]}))

    async def finish(self, reason: str = "stop", usage: dict[str, Any] | None = USAGE) -> None:
        await self.chunk({}, reason)
        if usage:
            await self.send(event({"choices": [], "usage": usage}))
        await self.send(DONE)
        self.end()

    def end(self) -> None:
        """The connection stays open for the next request."""
        self.writer.write(b"0\r\n\r\n")

    def reset(self) -> None:
        self.writer.transport.abort()

    async def until_gone(self) -> None:
        """Until the client hangs up."""
        while await self.reader.read(1):
            pass


def event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def says(*pieces: str, reason: str = "stop", usage: dict[str, Any] | None = USAGE) -> Behaviour:
    async def behaviour(asked: Asked, reply: Reply) -> None:
        await reply.begin()
        await reply.chunk({"role": "assistant", "content": ""})
        for piece in pieces:
            await reply.chunk({"content": piece})
        await reply.finish(reason, usage)

    return behaviour


def sends(*pieces: bytes, then: str = "end") -> Behaviour:
    """*pieces* as they are, as the body of a stream; *then* `end`, `reset` or `wait`."""

    async def behaviour(asked: Asked, reply: Reply) -> None:
        await reply.begin()
        for piece in pieces:
            await reply.send(piece)
        if then == "end":
            reply.end()
        elif then == "reset":
            reply.reset()
        else:
            await reply.until_gone()

    return behaviour


def refuses(status: int, body: bytes | dict[str, Any], **headers: str) -> Behaviour:
    async def behaviour(asked: Asked, reply: Reply) -> None:
        await reply.whole(status, body, **headers)

    return behaviour


async def never_answers(asked: Asked, reply: Reply) -> None:
    await reply.until_gone()


async def resets(asked: Asked, reply: Reply) -> None:
    reply.reset()


async def never_ends(asked: Asked, reply: Reply) -> None:
    await reply.begin()
    for number in range(1_000_000):
        await reply.chunk({"content": f"{number} "})
        await asyncio.sleep(0.005)


async def endless_line(asked: Asked, reply: Reply) -> None:
    await reply.begin()
    while True:
        await reply.send(b"data: " + 65536 * b"x")


async def slowly(asked: Asked, reply: Reply) -> None:
    await reply.begin()
    for number in range(10):
        await reply.chunk({"content": f"{number} "})
        await asyncio.sleep(0.004)
    await reply.finish()


def likely(word: str, probability: float) -> dict[str, Any]:
    return {"token": word, "logprob": float(np.log(probability)), "bytes": list(word.encode())}


def expects(**words: float) -> Behaviour:
    """What it thinks the first token may be, and how likely; a `_` stands for a space."""
    tokens = [likely(word.replace("_", " "), p) for word, p in words.items()]

    async def behaviour(asked: Asked, reply: Reply) -> None:
        if not asked.body.get("logprobs"):
            return await says(tokens[0]["token"])(asked, reply)
        told = {**tokens[0], "top_logprobs": tokens[: asked.body.get("top_logprobs", 0)]}
        await reply.begin()
        await reply.chunk({"content": tokens[0]["token"]}, logprobs={"content": [told]})
        await reply.finish()

    return behaviour


@dataclass
class UpstreamServer:
    """`serving` opens it. It does what *chat* says; that may be changed at any time."""

    chat: Behaviour
    models: Sequence[str] = ("m",)
    owner: str = "somebody"
    key: str = ""
    lists: bool = True
    port: int = 0
    connections: int = 0
    asked: list[Asked] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)  # a client hung up on an answer

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def last(self) -> Asked:
        return self.asked[-1]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection, reply = self.connections, Reply(reader, writer)
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = {k.lower(): v for k, v in re.findall(r"(?m)^([^:\r\n]+): *(.*)\r$", head)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            path = head.split(" ")[1]
            if self.key and headers.get("authorization") != f"Bearer {self.key}":
                sent = headers.get("authorization", "no key")
                await reply.whole(401, {"error": {"message": f"Incorrect key: {sent}"}})
            elif path == "/v1/models" and self.lists:
                data = [{"id": name, "owned_by": self.owner} for name in self.models]
                await reply.whole(200, {"object": "list", "data": data})
            elif path == "/v1/chat/completions":
                self.asked.append(Asked(headers, json.loads(body), connection))
                try:
                    await self.chat(self.last, reply)
                    await writer.drain()
                except ConnectionError:
                    self.left.set()
                    raise
                if reader.at_eof():
                    self.left.set()
            else:
                await reply.whole(404, {"detail": "Not Found"})


@asynccontextmanager
async def serving(
    chat: Behaviour, port: int = 0, **settings: Any
) -> AsyncGenerator[UpstreamServer]:
    server = UpstreamServer(chat, **settings)
    async with listening(server.answer, port) as server.port:
        yield server


@asynccontextmanager
async def connected(
    chat: Behaviour,
    deadlines: Deadlines = PATIENT,
    dialect: Dialect = VLLM,
    key: str = "",
    **settings: Any,
) -> AsyncGenerator[tuple[Upstream, UpstreamServer]]:
    """A client of a server that does what *chat* says; *settings* are the client's."""
    async with serving(chat) as server:
        endpoint = Endpoint(server.base_url, "m", key)
        async with open_upstream(endpoint, deadlines, dialect, **settings) as upstream:
            yield upstream, server


def busy(status: int, retry_after: str) -> Behaviour:
    return refuses(status, {"error": {"message": "busy"}}, Retry_After=retry_after)


async def main(status: str = "", retry_after: str = "") -> None:
    async with serving(busy(int(status), retry_after) if status else slowly) as server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""
A server that runs already and speaks OpenAI's API, or several that serve the same model.

    http://127.0.0.1:8000/v1#model
    http://a:8000/v1,http://b:8000/v1?slots=16#model

What stands behind the `#` is the model as the server calls it; see `docs/engines.md`.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

import httpx
import msgspec
from msgspec import Meta

from bus.errors import BadSettings
from bus.log import mask
from inference.engine import Engine, parse_query
from inference.upstream.client import MAX_SIDE, open_upstream
from inference.upstream.endpoint import (
    COMPATIBLE,
    KEY_ENV,
    LLAMACPP,
    LOOKOUT,
    MLC,
    OPENAI,
    VLLM,
    Deadlines,
    Dialect,
    Endpoint,
)
from inference.upstream.member import Member
from inference.upstream.pool import open_pool

FORM = "http://host:8000/v1?slots=8#model"
VERSION = "/v1"
OPENAI_HOSTS = (".openai.com", ".openai.azure.com")

Seconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]

DIALECTS = {
    "openai": OPENAI,
    "compatible": COMPATIBLE,
    "vllm": VLLM,
    "llamacpp": LLAMACPP,
    "mlc": MLC,
    "lookout": LOOKOUT,
}


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand behind the `?`."""

    id: str = ""  # the model's name here; as the server calls it, if not said otherwise
    slots: Count = 8  # of each server
    connect_s: Seconds = Deadlines.connect_s
    first_token_s: Seconds = Deadlines.first_token_s
    token_s: Seconds = Deadlines.token_s
    key_env: str = ""  # the environment variable that has the key
    judge: Literal["auto", "text"] = "auto"
    probe: Literal["auto", "off"] = "auto"
    dialect: Literal["auto", "openai", "compatible", "vllm", "llamacpp", "mlc", "lookout"] = "auto"
    max_side: Count = MAX_SIDE  # a larger picture is scaled down to it

    @property
    def deadlines(self) -> Deadlines:
        return Deadlines(self.connect_s, self.first_token_s, self.token_s)


class Settings(msgspec.Struct, frozen=True):
    servers: tuple[str, ...]  # base URLs
    model: str  # empty: the only one that the server has
    query: Query

    @property
    def name(self) -> str:
        return self.query.id or self.model or urlsplit(self.servers[0]).hostname or ""


def identify(url: str) -> str:
    return parse(url).name


@asynccontextmanager
async def open(url: str) -> AsyncGenerator[Engine]:
    """Wait for a server that has the model, however long that takes."""
    settings = parse(url)
    key = _key(settings.query.key_env)
    async with AsyncExitStack() as stack:
        members = [await _member(stack, settings, server, key) for server in settings.servers]
        yield await stack.enter_async_context(open_pool(members))


def parse(url: str) -> Settings:
    """The settings in *url*; raise `BadSettings`, which tells no password that stands in it."""
    try:
        query = parse_query(url, Query)
    except BadSettings as error:
        raise BadSettings(mask(str(error))) from None
    servers = url.partition("#")[0].partition("?")[0].split(",")
    return Settings(tuple(map(_server, servers)), unquote(urlsplit(url).fragment), query)


def _server(url: str) -> str:
    """The base URL in *url*, with the version if it has none."""
    parts = urlsplit(url.strip())
    try:
        known = httpx.URL(url.strip()).scheme in ("http", "https")
        good = known and parts.hostname and parts.port != 0
    except (ValueError, httpx.InvalidURL):
        good = False
    if not good:
        raise BadSettings(f"bad engine URL {mask(url)!r}: write it as {FORM}")
    if "@" in parts.netloc:
        raise BadSettings(f"no key belongs into an engine's URL: set {KEY_ENV}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or VERSION}"


def _key(variable: str) -> str:
    """The key in the environment; a *variable* that was named must be there."""
    key = os.environ.get(variable or KEY_ENV, "").strip()
    if variable and not key:
        raise BadSettings(f"key_env={variable}: there is no such environment variable")
    if not key.isascii() or not key.isprintable():
        raise BadSettings(f"{variable or KEY_ENV}: a key has ASCII letters only")
    return key


async def _member(stack: AsyncExitStack, settings: Settings, server: str, key: str) -> Member:
    query = settings.query
    endpoint = Endpoint(server, settings.model, key, query.key_env or KEY_ENV)
    upstream = await stack.enter_async_context(
        open_upstream(
            endpoint,
            query.deadlines,
            _dialect(query.dialect, server),
            slots=query.slots,
            judge_by=query.judge,
            max_side=query.max_side,
        )
    )
    recognise = upstream.dialect is COMPATIBLE and query.dialect == "auto"
    return Member(upstream, recognise, probing=query.probe == "auto")


def _dialect(name: str, server: str) -> Dialect:
    """Whatever is not known from its name tells what it is when it lists its models."""
    host = f".{urlsplit(server).hostname}"
    return DIALECTS.get(name, OPENAI if host.endswith(OPENAI_HOSTS) else COMPATIBLE)

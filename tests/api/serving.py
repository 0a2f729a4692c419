"""A small application behind what stands before ours, on a real port."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import enclose
from api.errors import Json
from api.listening import listen
from api.rates import Rates
from api.server import Config, Server
from api.settings import ApiSettings
from bus.keys import Keys, keys_of
from bus.tasks import background
from compose.ports import free_port

COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "small",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}
    ],
}


async def small(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body; `/open` never answers, all else is answered."""
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/open":
        await asyncio.Event().wait()
    await Json({**COMPLETION, "key": scope["lookout.key"]})(scope, receive, send)


@asynccontextmanager
async def serving(
    settings: ApiSettings, rates: Rates | None = None, app: ASGIApp = small
) -> AsyncGenerator[int]:
    """The port of *app*, which is asked behind keys and limits as *settings* say."""
    settings = msgspec.structs.replace(settings, port=free_port())
    keys: Keys | None = keys_of(settings) or None
    options: dict[str, Any] = {"lifespan": "off", "log_config": None, "access_log": False}
    config = Config(
        enclose(app, settings, keys, rates),
        head_s=settings.receive_timeout_s,
        max_connections=settings.max_connections,
        timeout_graceful_shutdown=1,
        **options,
    )
    server = Server(config)
    async with background(server.serve(listen(settings))):
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield settings.port
        finally:
            server.should_exit = server.force_exit = True
            await asyncio.sleep(0.2)

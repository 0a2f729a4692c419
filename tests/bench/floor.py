"""
The least that FastAPI can do with a chat request: parse its JSON, answer with a file.

    python -m tests.bench.floor 9000 answer

Its server is set up as that of the api process is.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.responses import Response

from api.server import Server
from bus.process import run
from bus.settings import BusSettings


def build(path: Path) -> FastAPI:
    app, answer = FastAPI(), path.read_bytes()

    @app.post("/v1/chat/completions")
    async def create(body: dict[str, Any]) -> Response:
        return Response(answer, media_type="application/json")

    return app


async def main(settings: BusSettings, stop: asyncio.Event) -> None:
    port, path = sys.argv[1:]
    server = Server(
        uvicorn.Config(
            build(Path(path)),
            port=int(port),
            http="h11",
            log_config=None,
            access_log=False,
            lifespan="off",
        )
    )
    serving = asyncio.create_task(server.serve())
    await stop.wait()
    server.should_exit = True
    await serving


if __name__ == "__main__":
    sys.exit(run("floor", BusSettings, main))

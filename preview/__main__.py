"""`python -m preview`: the cameras as RTSP streams, with what was last said about them."""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import cv2

from bus.answers import Answers
from bus.cameras import Cameras
from bus.heartbeat import beat
from bus.keys import Keys, keys_for
from bus.process import run
from bus.redis import open_redis
from bus.standings import Standings
from bus.tasks import background
from preview.dialogue import House
from preview.encoder import Film, sets_of
from preview.program import Programs, Source
from preview.pushes import Pushes
from preview.sdp import Video
from preview.server import Server, open_server
from preview.settings import PreviewSettings, parse_size

REDIS_PATIENCE_S = 4.0  # a player that asks for a camera waits as long


async def main(settings: PreviewSettings, stop: asyncio.Event) -> None:
    keys = _keys(settings)
    cv2.setNumThreads(1)  # each path has its own thread already
    width, height = parse_size(settings.preview_size)
    film = Film(width, height, settings.preview_fps, settings.preview_kbps)
    video = Video(await asyncio.to_thread(sets_of, film), film.fps, film.kbps)
    async with open_redis(settings.redis_url, REDIS_PATIENCE_S) as redis, AsyncExitStack() as stack:
        cameras, answers, standings = Cameras(redis), Answers(redis), Standings(redis)
        threads = stack.enter_context(ThreadPoolExecutor(os.cpu_count(), "encoder"))
        programs = Programs(Source(settings, film, cameras, answers, standings, threads))
        await stack.enter_async_context(
            background(cameras.run(), answers.run(), standings.run(), programs.run())
        )
        server: Server | None = None
        if settings.preview_port:
            house = House(programs, video, settings.login, keys)
            server = await stack.enter_async_context(
                open_server(
                    house, settings.preview_host, settings.preview_port, settings.preview_clients
                )
            )

        def heartbeat() -> dict[str, str]:
            return {
                "id": settings.process,
                "paths": " ".join(programs.live),
                "connections": str(server.connections if server else 0),
                "encoded": str(programs.encoded),
            }

        alive = beat(redis, settings, heartbeat)
        pushes = Pushes(settings.preview_push_url, redis, programs, video)
        await stack.enter_async_context(background(alive, pushes.run()))
        await stop.wait()


def _keys(settings: PreviewSettings) -> Keys | None:
    """None where nobody listens, or a login of its own is asked for and there are no keys."""
    named = settings.api_keys or settings.api_keys_file
    if not settings.preview_port or (settings.login and not named):
        return None
    return keys_for(settings, settings.preview_host)


if __name__ == "__main__":
    sys.exit(run("preview", PreviewSettings, main))

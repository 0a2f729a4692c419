"""`python -m api`: HTTP in OpenAI's format."""

import asyncio
import sys
from contextlib import AsyncExitStack

import uvicorn
from redis.asyncio import Redis
from starlette.datastructures import State

from api.app import build
from api.chat import Chats
from api.fetch import AllowList, open_fetcher
from api.image_urls import ImageUrls
from api.metrics import Metrics
from api.models import Models
from api.pictures import PictureStore
from api.said import Said
from api.screens import Screens, Sources
from api.server import Server
from api.settings import ApiSettings
from bus import names
from bus.answers import Answers
from bus.cameras import Cameras
from bus.errors import BadSettings
from bus.heartbeat import beat
from bus.jobs import open_jobs
from bus.process import DRAIN_S, run
from bus.redis import open_redis
from bus.subscriber import open_subscriber
from bus.tasks import background

REDIS_PATIENCE_S = 4.0  # a restart is over by then; who asks should not wait longer for a 503


async def main(settings: ApiSettings, stop: asyncio.Event) -> None:
    app = build(settings)
    state = app.state
    async with AsyncExitStack() as stack:
        redis = state.redis = await stack.enter_async_context(
            open_redis(settings.redis_url, REDIS_PATIENCE_S)
        )
        state.cameras, state.models = Cameras(redis), Models(redis, settings.default_model)
        state.metrics, state.answers, state.stopping = Metrics(), Answers(redis), stop
        state.frames = stack.enter_context(open_subscriber(state.cameras, settings.run_dir))
        state.screens = _screens(state, settings)
        images = await _open_images(stack, settings, redis, state.cameras)
        jobs = await stack.enter_async_context(
            open_jobs(redis, settings.redis_url, settings.process, settings.max_queue)
        )
        state.chats = Chats(settings, jobs, state.models, images, state.metrics, Said(redis))
        alive = beat(redis, names.process(settings.process), lambda: {"id": settings.process})
        await stack.enter_async_context(
            background(alive, state.cameras.run(), state.models.run(), state.answers.run())
        )
        await _serve(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                http="h11",  # the faster httptools sets no limit to headers
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=int(DRAIN_S) - 1,
            ),
            stop,
        )


def _screens(state: State, settings: ApiSettings) -> Screens:
    sources = Sources(
        state.frames,
        state.cameras,
        state.answers,
        settings.preview_fade_s,
        settings.camera_idle_s,
    )
    return Screens(sources, settings.max_previews)


async def _open_images(
    stack: AsyncExitStack, settings: ApiSettings, redis: Redis, cameras: Cameras
) -> ImageUrls:
    size_bytes = round(settings.max_image_mb * 2**20)
    fetcher = await stack.enter_async_context(
        open_fetcher(AllowList(settings.allow_hosts), size_bytes, settings.fetch_timeout_s)
    )
    store = PictureStore(
        redis,
        size_bytes,
        round(settings.max_image_mp * 1e6),
        keep_s=settings.request_timeout_s + 60,
    )
    return ImageUrls(settings, cameras, store, fetcher)


async def _serve(config: uvicorn.Config, stop: asyncio.Event) -> None:
    server = Server(config)

    async def leave() -> None:
        await stop.wait()
        server.should_exit = True

    try:
        async with background(leave()):
            await server.serve()
    except SystemExit as error:  # uvicorn's way to say that it cannot bind
        raise BadSettings(f"LOOKOUT_PORT: cannot listen on {config.host}:{config.port}") from error


if __name__ == "__main__":
    sys.exit(run("api", ApiSettings, main))

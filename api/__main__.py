"""`python -m api`: HTTP in OpenAI's format."""

import asyncio
import socket
import sys
from contextlib import AsyncExitStack

from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.datastructures import State

from api.addresses import AllowList
from api.alert_feed import Feed
from api.alert_history import History
from api.alert_metrics import AlertTimes
from api.app import build, enclose
from api.chats import Chats
from api.fetch import open_fetcher
from api.image_urls import ImageUrls
from api.listening import listen
from api.metrics import Metrics
from api.models import Models
from api.pictures import PictureStore
from api.rates import Allowance, Rates
from api.said import Said
from api.screens import Screens, Sources
from api.server import Config, Server
from api.settings import ApiSettings
from bus.answers import Answers
from bus.cameras import Cameras
from bus.heartbeat import beat
from bus.jobs import open_jobs
from bus.keys import keys_for
from bus.process import DRAIN_S, run
from bus.redis import open_redis
from bus.rulebook import Rulebook
from bus.standings import Standings
from bus.subscriber import open_subscriber
from bus.tasks import background

WS_MAX_BYTES = 4096  # of a message that a listener sends: it has nothing to say
WS_PING_S = 10.0  # a client that leaves two pings without an answer is dead
REDIS_PATIENCE_S = 4.0  # a restart is over by then; who asks should not wait longer for a 503


async def main(settings: ApiSettings, stop: asyncio.Event) -> None:
    app, keys = build(settings), keys_for(settings, settings.host)
    state = app.state
    async with AsyncExitStack() as stack:
        redis = state.redis = await stack.enter_async_context(
            open_redis(settings.redis_url, REDIS_PATIENCE_S)
        )
        state.cameras, state.models = Cameras(redis), Models(redis, settings.default_model)
        state.metrics, state.stopping = Metrics(), stop
        state.answers, state.standings = Answers(redis), Standings(redis)
        state.frames = stack.enter_context(open_subscriber(state.cameras, settings.run_dir))
        state.screens = _screens(state, settings)
        images = await _open_images(stack, settings, redis, state.cameras)
        jobs = await stack.enter_async_context(
            open_jobs(redis, settings.redis_url, settings.process, settings.max_queue)
        )
        state.chats = Chats(settings, jobs, state.models, images, state.metrics, Said(redis))
        alive = beat(redis, settings, lambda: {"id": settings.process})
        await stack.enter_async_context(
            background(
                alive,
                state.cameras.run(),
                state.models.run(),
                state.answers.run(),
                state.standings.run(),
            )
        )
        await _open_alerts(stack, app, stop)
        await _serve(
            Config(
                enclose(app, settings, keys, _rates(redis, settings)),
                head_s=settings.receive_timeout_s,
                max_connections=settings.max_connections,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws_max_size=WS_MAX_BYTES,
                ws_ping_interval=WS_PING_S,
                ws_ping_timeout=WS_PING_S,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=int(DRAIN_S) - 1,
            ),
            listen(settings),
            stop,
        )


async def _open_alerts(stack: AsyncExitStack, app: FastAPI, stop: asyncio.Event) -> None:
    """Rules, alerts, and the feed of their events for as long as *stack*."""
    state, settings = app.state, app.state.settings
    state.rules = Rulebook(state.redis, settings.max_rules)
    state.history = History(state.redis)
    times = AlertTimes(state.metrics.registry)
    feed = state.feed = Feed(state.redis, settings.max_alert_clients, times.observe)
    impatient = await stack.enter_async_context(open_redis(settings.redis_url, patience_s=0))
    await stack.enter_async_context(background(feed.run(impatient), feed.beat(), feed.end(stop)))


def _screens(state: State, settings: ApiSettings) -> Screens:
    sources = Sources(
        state.frames,
        state.cameras,
        state.answers,
        state.standings,
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


def _rates(redis: Redis, settings: ApiSettings) -> Rates | None:
    """None where nobody is limited: then not one command to Redis is spent on it."""
    allowed = Allowance(settings.rate_rpm, settings.max_concurrent)
    if not allowed.per_minute and not allowed.at_once:
        return None
    return Rates(redis, allowed, settings.receive_timeout_s + settings.request_timeout_s + 1)


async def _serve(config: Config, sockets: list[socket.socket], stop: asyncio.Event) -> None:
    server = Server(config)

    async def leave() -> None:
        await stop.wait()
        server.should_exit = True

    async with background(leave()):
        await server.serve(sockets)


if __name__ == "__main__":
    sys.exit(run("api", ApiSettings, main))

"""The RTSP server in the test's own process, where a test can turn its limits."""

from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bus.answers import Answers
from bus.cameras import Cameras
from bus.redis import open_redis
from bus.standings import Standings
from bus.tasks import background
from preview.dialogue import House
from preview.encoder import Film, sets_of
from preview.program import Programs, Source
from preview.sdp import Video
from preview.server import Server, open_server
from preview.settings import PreviewSettings

FILM = Film(320, 180, 15.0, 500)


@asynccontextmanager
async def serving(
    redis_url: str, run_dir: Path, clients: int = 16, **house: Any
) -> AsyncGenerator[tuple[Server, Programs]]:
    """*house* replaces fields of `House`."""
    settings = PreviewSettings(redis_url=redis_url, run_dir=str(run_dir))
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(open_redis(redis_url, 2.0))
        threads = stack.enter_context(ThreadPoolExecutor(2))
        cameras, answers = Cameras(redis), Answers(redis)
        programs = Programs(Source(settings, FILM, cameras, answers, Standings(redis), threads))
        video = Video(sets_of(FILM), FILM.fps, FILM.kbps)
        rules = replace(House(programs, video, None), **house)
        work = background(cameras.run(), answers.run(), programs.run())
        await stack.enter_async_context(work)
        server = await stack.enter_async_context(open_server(rules, "127.0.0.1", 0, clients))
        yield server, programs

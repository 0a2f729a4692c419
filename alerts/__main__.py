"""`python -m alerts`: judges rules continuously, and delivers what comes of it."""

import asyncio
import logging
import sys
from contextlib import AsyncExitStack

from alerts.book import Book
from alerts.delivery import Deliveries
from alerts.describing import Describer
from alerts.judging import Judges
from alerts.leader import open_leadership
from alerts.settings import AlertsSettings
from alerts.store import NotLeading, Store
from alerts.watcher import Tools, Watcher
from bus.cameras import Cameras
from bus.heartbeat import beat
from bus.jobs import open_jobs
from bus.process import run
from bus.redis import open_redis
from bus.subscriber import open_subscriber
from bus.tasks import background, ended_by

log = logging.getLogger(__name__)

MAX_DEPTH = 256  # judgements that may wait for a model
AGAIN_S = 0.5


class Alerts:
    """Everything for the life of the process; `lead` while it leads."""

    def __init__(self, tools: Tools, deliveries: Deliveries, settings: AlertsSettings) -> None:
        self._tools, self._deliveries, self._settings = tools, deliveries, settings

    async def lead(self) -> None:
        await self._tools.store.enter(self._settings.rule_list())
        async with background(self._deliveries.run()):
            while True:
                try:
                    await Watcher(self._tools).run()
                except* NotLeading:
                    log.info("standings have changed under us, reading them again")
                await asyncio.sleep(AGAIN_S)


async def main(settings: AlertsSettings, stop: asyncio.Event) -> None:
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(open_redis(settings.redis_url))
        cameras = Cameras(redis)
        frames = stack.enter_context(open_subscriber(cameras, settings.run_dir))
        jobs = await stack.enter_async_context(
            open_jobs(redis, settings.redis_url, settings.process, MAX_DEPTH)
        )
        store = Store(
            redis, settings.process, settings.alert_keep_days, settings.snapshot_keep_days
        )
        judges = Judges(redis, jobs, settings.process, settings.default_model)
        describer = Describer(redis, jobs, judges, store, settings.process)
        tools = Tools(cameras, frames, judges, store, Book(redis, store), describer)
        alerts = Alerts(tools, Deliveries(redis, settings), settings)
        leadership = await stack.enter_async_context(open_leadership(redis, settings.process))
        alive = beat(redis, settings, lambda: {"id": settings.process})
        async with background(alive, cameras.run()), ended_by(stop.wait()):
            while True:
                await leadership.gained()
                async with ended_by(leadership.lost()):
                    await alerts.lead()


if __name__ == "__main__":
    sys.exit(run("alerts", AlertsSettings, main))

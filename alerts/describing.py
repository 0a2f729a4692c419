"""The second, silent step: what is to be seen, added to an alert that has fired already."""

import asyncio
import hashlib
import logging
from contextlib import aclosing
from time import time
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts.judging import Judges
from alerts.store import Store
from bus import names
from bus.alerts import AlertEvent
from bus.errors import LookoutError
from bus.jobs import JobClient, Retried
from bus.messages import Chat, Delta, Job, Message, Sampling, StoredPicture, Text
from bus.rules import Rule
from bus.times import utc

log = logging.getLogger(__name__)

WAIT_S = 60.0
KEEP_S = 120
PROMPT = "Describe what is to be seen in one or two sentences."


class Describer:
    """Keeps its tasks; what fails is logged and left."""

    def __init__(
        self, redis: Redis, jobs: JobClient, judges: Judges, store: Store, process: str
    ) -> None:
        self._redis, self._jobs, self._judges, self._store = redis, jobs, judges, store
        self._process = process
        self._tasks = set[asyncio.Task[None]]()

    def describe(self, rule: Rule, event: AlertEvent) -> None:
        task = asyncio.create_task(self._try(rule, event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _try(self, rule: Rule, event: AlertEvent) -> None:
        try:
            await self._describe(rule, event)
        except (LookoutError, RedisError) as error:
            log.warning("alert not described id=%s reason=%s", event.id, error)

    async def _describe(self, rule: Rule, event: AlertEvent) -> None:
        jpeg: Any = await self._redis.get(names.snapshot(event.id))
        if jpeg is None:
            return
        digest = hashlib.sha256(jpeg).hexdigest()
        await self._redis.set(names.image(digest), jpeg, ex=KEEP_S)
        text = await self._answer(rule, event, digest)
        now = time()
        updated = msgspec.structs.replace(event, type="updated", at=utc(now), description=text)
        await self._store.describe(updated, rule.targets)

    async def _answer(self, rule: Rule, event: AlertEvent, digest: str) -> str:
        prompt = rule.describe_prompt or PROMPT
        message = Message("user", (StoredPicture(digest), Text(prompt)))
        now = time()
        job = Job(
            id=f"describe-{event.id}",
            model=await self._judges.model(rule),
            process=self._process,
            task=Chat((message,), Sampling(max_tokens=200)),
            created=now,
            deadline=now + WAIT_S,
        )
        text = ""
        async with aclosing(self._jobs.ask(job, "background")) as events:
            async for piece in events:
                if isinstance(piece, Retried):
                    text = ""
                elif isinstance(piece, Delta):
                    text += piece.text
        return text.strip()

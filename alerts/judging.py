"""One round of questions about one camera: a job in the background lane, and its answer."""

import secrets
from collections.abc import Sequence
from contextlib import aclosing
from time import time

from redis.asyncio import Redis

from bus.errors import EngineError, Unavailable
from bus.jobs import JobClient
from bus.messages import CameraFrames, Job, Judge, Judged, Question
from bus.rules import Rule, zone_of
from bus.workers import NO_NAMES, live_workers

WAIT_S = 20.0  # for a judgement; chats go first


class Judges:
    """Whoever judges: the workers that serve a model."""

    def __init__(self, redis: Redis, jobs: JobClient, process: str, default_model: str) -> None:
        self._redis, self._jobs, self._process = redis, jobs, process
        self._default = default_model

    async def model(self, rule: Rule) -> str:
        """The model that *rule* means; raise `Unavailable` when none is served."""
        if wanted := self._default if rule.model in NO_NAMES else rule.model:
            return wanted
        workers = await live_workers(self._redis)
        ready = sorted(worker.model for worker in workers if worker.state == "ready")
        if not ready:
            raise Unavailable("no model is being served")
        return ready[0]

    async def judge(self, model: str, camera: str, rules: Sequence[Rule]) -> tuple[str, Judged]:
        """The id of the job and what came of it; the *rules* have their frames in common."""
        first = rules[0]
        task = Judge(
            frames=CameraFrames(camera, first.frames, first.span_s),
            questions=tuple(question_of(rule, camera) for rule in rules),
            evidence_above=min(rule.on for rule in rules),
            max_age_s=min(rule.max_age_s for rule in rules),
        )
        now = time()
        job = Job(
            id=f"judge-{secrets.token_hex(12)}",
            model=model,
            process=self._process,
            task=task,
            created=now,
            deadline=now + WAIT_S,
        )
        async with aclosing(self._jobs.ask(job, "background")) as events:
            async for event in events:
                if isinstance(event, Judged):
                    return job.id, event
        raise EngineError("the worker sent no judgement")


def question_of(rule: Rule, camera: str) -> Question:
    zone = zone_of(rule, camera)
    return Question(
        rule.question,
        zone.polygon if zone else (),
        zone.mode if zone else "crop",
        rule.prompt,
    )

"""What rules cost: eight on one frame against one, and many of them on several cameras."""

import asyncio
import secrets
import time
from statistics import median
from typing import Any

import httpx

from bus.jobs import JobClient, open_jobs
from bus.messages import CameraFrames, Job, Judge, Judged, Question
from bus.redis import open_redis
from tests.bench.plan import Plan
from tests.bench.processes import resident_mb
from tests.bench.table import Row, Section, ms, times
from tests.stack import Stack

KINDS = ("person", "car", "truck", "dog", "bicycle", "box", "fire", "red car")
QUESTIONS = tuple(f"Is there a {kind}?" for kind in KINDS)
CAMERAS, RULES, EVERY_S = 4, 4, 0.5
BUDGET, MEMORY_MB = 1.6, 400


def measure(stack: Stack, engine: int, plan: Plan) -> Section:
    """*engine*: the process id of the engine's child."""
    one_ms, eight_ms = asyncio.run(_judging(stack.redis_url, plan.judgements))
    intervals = _steady(stack.url, plan.rules_s)
    ratio = eight_ms / one_ms
    return Section(
        "Rules, with the demo model",
        [
            Row(
                f"{len(QUESTIONS)} rules judged on one frame",
                ms(eight_ms),
                ms(one_ms),
                times(eight_ms, one_ms),
                f"≤ {BUDGET} times one",
                ratio <= BUDGET,
            ),
            Row(
                f"{CAMERAS} cameras with {RULES} rules each, every {EVERY_S:g} s: "
                "real interval, median; longest",
                f"{median(intervals):.2f} s; {max(intervals):.2f} s",
                f"{EVERY_S:.2f} s",
                times(median(intervals), EVERY_S),
            ),
            memory(resident_mb(engine)),
        ],
        ["The floor is one rule on one frame; then comes the interval that was asked for."],
    )


def memory(found_mb: float) -> Row:
    """After chats and judgements, which have a copy of the weights each."""
    budget = f"≤ {MEMORY_MB} MB"
    what = "resident memory of the engine's process"
    return Row(what, f"{found_mb:.0f} MB", budget=budget, met=found_mb <= MEMORY_MB)


async def _judging(redis_url: str, count: int) -> tuple[float, float]:
    """Milliseconds in the engine, with one question and with all; in turn."""
    took: dict[int, list[float]] = {1: [], len(QUESTIONS): []}
    async with open_redis(redis_url) as redis, open_jobs(redis, redis_url, "bench", 64) as jobs:
        for number in range(count + 1):
            for asked, found in took.items():
                engine_ms = await _judge(jobs, QUESTIONS[:asked])
                if number:  # the first one warms up
                    found.append(engine_ms)
    return median(took[1]), median(took[len(QUESTIONS)])


async def _judge(jobs: JobClient, questions: tuple[str, ...]) -> float:
    now = time.time()
    job = Job(
        id=f"bench-{secrets.token_hex(6)}",
        model="lookout-demo",
        process="bench",
        task=Judge(CameraFrames("demo"), tuple(map(Question, questions))),
        created=now,
        deadline=now + 30,
    )
    async for event in jobs.ask(job, "background"):
        if isinstance(event, Judged):
            return event.timings.engine
    raise RuntimeError("no judgement")


def _steady(url: str, seconds: float) -> list[float]:
    """The real interval of each rule on each camera, as it is reported."""
    cameras = [f"yard{number}" for number in range(CAMERAS)]
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        for camera in cameras:
            added = {"id": camera, "url": "demo:?fps=5&size=640x360"}
            client.post("/v1/cameras", json=added).raise_for_status()
        for question in QUESTIONS[:RULES]:
            rule = {"question": question, "cameras": cameras, "every_s": EVERY_S, "gate": "none"}
            client.post("/v1/rules", json=rule).raise_for_status()
        time.sleep(seconds)
        rules: list[dict[str, Any]] = client.get("/v1/rules").json()["data"]
    found = [one["every_s"] for rule in rules for one in _standings(rule)]
    assert len(found) == CAMERAS * RULES, found
    return found


def _standings(rule: dict[str, Any]) -> list[dict[str, Any]]:
    standings: Any = rule["standings"]
    return list(standings.values()) if isinstance(standings, dict) else list(standings)

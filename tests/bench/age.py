"""How old the frame is when the engine starts, through the whole stack."""

import json
import random
import time
from contextlib import closing
from datetime import datetime
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.bench.http import PATH
from tests.bench.plan import Plan
from tests.bench.table import Row, Section, more_ms, ms, percentile

CAMERA = "demo"
SLACK_MS = 5.0


def measure(url: str, plan: Plan) -> Section:
    """Of the stack at *url*; requests come at random moments of the camera's interval."""
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=15)) as connection:
        _ask(connection)  # opens what the first one opens
        frames = []
        for _ in range(plan.ages):
            time.sleep(random.uniform(0, 0.1))
            frames.append(_ask(connection))
    ages = [float(frame["age_ms"]) for frame in frames]
    middle, worst, interval_ms = percentile(ages, 50), percentile(ages, 99), _interval_ms(frames)
    fps = 1000 / interval_ms
    return Section(
        f"Age of a camera's frame when the engine starts (demo camera, {fps:.1f}/s, `echo:`)",
        [
            Row("p50", ms(middle), f"{ms(interval_ms / 2)} (half an interval)"),
            Row(
                "p99",
                ms(worst),
                f"{ms(interval_ms)} (an interval)",
                more_ms(worst - interval_ms),
                f"≤ an interval + {SLACK_MS:g} ms",
                worst <= interval_ms + SLACK_MS,
            ),
        ],
    )


def _ask(connection: HTTPConnection) -> Any:
    """A question about the camera; the frame that was used."""
    content = [
        {"type": "image_url", "image_url": {"url": CAMERA}},
        {"type": "text", "text": "What do you see?"},
    ]
    body = json.dumps({"messages": [{"role": "user", "content": content}]})
    connection.request("POST", PATH, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    if response.status != 200:
        raise RuntimeError(f"the server answered {response.status}: {answer}")
    return answer["lookout"]["frames"][0]


def _interval_ms(frames: list[Any]) -> float:
    """The mean time between two frames of the camera."""
    first, last = frames[0], frames[-1]
    began, ended = (datetime.fromisoformat(frame["captured_at"]) for frame in (first, last))
    frames_between = int(last["seq"]) - int(first["seq"])
    return (ended - began).total_seconds() * 1000 / frames_between

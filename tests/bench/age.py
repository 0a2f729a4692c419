"""How old the frame is when the engine starts, through the whole stack."""

import json
import random
import time
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.bench.plan import Plan
from tests.bench.table import Row, Section, more_ms, ms, percentile

CAMERA = "demo"
PATH = "/v1/chat/completions"
SLACK_MS = 5.0


def measure(url: str, plan: Plan) -> Section:
    """Of the stack at *url*; requests come at random moments of the camera's interval."""
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=15)) as connection:
        fps = _get(connection, "GET", f"/v1/cameras/{CAMERA}")["fps"]
        _age_ms(connection)  # opens what the first one opens
        ages = []
        for _ in range(plan.ages):
            time.sleep(random.uniform(0, 1.0 / fps))
            ages.append(_age_ms(connection))
    interval_ms = 1000 / fps
    middle, worst = percentile(ages, 50), percentile(ages, 99)
    limit_ms = interval_ms + SLACK_MS
    return Section(
        f"Age of a camera's frame when the engine starts (demo camera, {fps:g} a second, `echo:`)",
        [
            Row("p50", ms(middle), f"{ms(interval_ms / 2)} (half an interval)"),
            Row(
                "p99",
                ms(worst),
                f"{ms(interval_ms)} (an interval)",
                more_ms(worst - interval_ms),
                "≤ an interval + 5 ms",
                worst <= limit_ms,
            ),
        ],
    )


def _age_ms(connection: HTTPConnection) -> float:
    content = [
        {"type": "image_url", "image_url": {"url": CAMERA}},
        {"type": "text", "text": "What do you see?"},
    ]
    body = {"messages": [{"role": "user", "content": content}]}
    answer = _get(connection, "POST", PATH, json.dumps(body))
    return float(answer["lookout"]["frames"][0]["age_ms"])


def _get(connection: HTTPConnection, method: str, path: str, body: str | None = None) -> Any:
    connection.request(method, path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = json.loads(response.read())
    if response.status != 200:
        raise RuntimeError(f"{method} {path} was answered {response.status}: {content}")
    return content

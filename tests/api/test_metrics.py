"""The numbers of /metrics after known work: the ancestor's gauges, lanes, lost engines."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from api.metrics import LAST
from inference.settings import DEMO_MODEL
from tests.api.asking import ask, image
from tests.api.test_health import scrape, value
from tests.stack import Stack, running
from tests.waiting import until

DELAY_S, TOKENS_PER_S = 0.12, 50
PACED = f"echo:?id=paced&delay_ms={1000 * DELAY_S:g}&tokens_per_s={TOKENS_PER_S}"
STUCK = "echo:?id=stuck&slots=1&delay_ms=600000"
QUESTION = {"type": "text", "text": "What do you see?"}


@dataclass(frozen=True)
class Served:
    stack: Stack
    http: httpx.Client

    def gauge(self, name: str, **labels: str) -> float:
        return value(scrape(self.http), name, **labels)

    def restarts(self, model: str) -> float:
        found = scrape(self.http).items()
        return sum(
            number
            for (name, labels), number in found
            if name == "lookout_worker_restarts" and ("model", model) in labels
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One api with a model of known speed, one that never answers, and the demo model."""
    models = [part for url in (PACED, STUCK, DEMO_MODEL) for part in ("--model", url)]
    with (
        running(tmp_path_factory.mktemp("counted"), *models) as stack,
        httpx.Client(base_url=stack.url, timeout=60, trust_env=False) as http,
    ):
        yield Served(stack, http)


@pytest.mark.parametrize("model", ["paced", "lookout-demo"])
def test_the_ancestors_gauges_are_those_of_the_last_chat(served: Served, model: str) -> None:
    answer = ask(served.http, image("demo"), QUESTION, model=model).json()
    usage, timings = answer["usage"], answer["lookout"]["timings_ms"]
    prefill_s = timings["first_token"] / 1000
    decode_s = timings["engine"] / 1000 - prefill_s
    assert {name: served.gauge(name) for name in LAST} == pytest.approx(
        {
            "embed_time": timings["pictures"] / 1000,
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage["completion_tokens"],
            "prefill_time": prefill_s,
            "prefill_rate": usage["prompt_tokens"] / prefill_s,
            "decode_time": decode_s,
            "decode_rate": usage["completion_tokens"] / decode_s if decode_s else 0.0,
        }
    )
    assert min(usage["prompt_tokens"], usage["completion_tokens"], prefill_s) > 0


def test_the_ancestors_gauges_tell_the_two_phases_apart(served: Served) -> None:
    words = ask(served.http, "one two three four five six", model="paced").json()["usage"]
    assert served.gauge("output_tokens") == words["completion_tokens"] == 6
    assert served.gauge("prefill_time") >= DELAY_S - 0.001  # as clocks tick
    assert served.gauge("decode_time") >= 5 / TOKENS_PER_S
    assert served.gauge("decode_rate") <= 6 / (5 / TOKENS_PER_S)


def test_a_lane_is_as_deep_as_jobs_wait_or_run(served: Served) -> None:
    def depth(lane: str = "interactive") -> float:
        return served.gauge("lookout_lane_depth", model="stuck", lane=lane)

    body = '{"model":"stuck","messages":[{"role":"user","content":"hello"}]}'
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n"
    assert depth() == depth("background") == 0
    with ExitStack() as clients:
        for number in range(1, 4):
            client = clients.enter_context(socket.create_connection(served.stack.address))
            client.sendall(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
            until(lambda: depth() == number)  # noqa: B023 - asked at once
        assert depth("background") == 0
    until(lambda: depth() == 0)


def test_an_engine_that_is_lost_is_counted_and_comes_back(served: Served) -> None:
    assert served.restarts("lookout-demo") == 0
    for lost in (1, 2):
        (engine,) = until(lambda: served.stack.pids("inference.ov.child"))
        os.kill(engine, signal.SIGKILL)
        until(lambda: served.restarts("lookout-demo") == lost)  # noqa: B023 - asked at once
        assert ask(served.http, image("demo"), QUESTION, model="lookout-demo").status_code == 200
    assert served.restarts("paced") == 0

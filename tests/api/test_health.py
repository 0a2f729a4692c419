"""Health and metrics: whether it lives, whether it can answer, what it has done."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.asking import ask, image, said
from tests.api.conftest import Tight

# Gauges of the ancestor, which keep their names.
ANCESTORS = {"alert_status", "embed_time", "input_tokens", "output_tokens"} | {
    f"{stage}_{what}" for stage in ("prefill", "decode") for what in ("time", "rate")
}

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(http: httpx.Client) -> Series:
    answer = http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.text))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    assert {name for name in names if not name.startswith("lookout_")} == ANCESTORS
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float:
    return series.get((name, tuple(sorted(labels.items()))), 0.0)


@pytest.mark.parametrize("prefix", ["", "/v1", "/api/v1"])
def test_a_running_stack_is_live_and_ready(lookout: httpx.Client, prefix: str) -> None:
    assert lookout.get(f"{prefix}/health/live").json() == {"status": "live"}
    answer = lookout.get(f"{prefix}/health/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["detail"] == "healthy"  # as the ancestor said it
    (worker,) = answer.json()["workers"]
    assert (worker["model"], worker["state"], worker["slots"]) == ("echo", "ready", 128)
    assert lookout.head(f"{prefix}/health/ready").status_code == 200


def test_every_answer_and_every_refusal_is_counted(tight: Tight) -> None:
    before = scrape(tight.http)
    assert (
        said(ask(tight.http, {"type": "text", "text": "one two three"}, image("small"))) is not None
    )
    assert ask(tight.http, image("attic")).status_code == 404
    assert ask(tight.http, "hi", model="none").status_code == 404
    after = scrape(tight.http)

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("lookout_chat_requests_total", outcome="ok") == 1
    assert grown("lookout_chat_requests_total", outcome="camera_not_found") == 1
    assert grown("lookout_chat_requests_total", outcome="model_not_found") == 1
    assert grown("lookout_frame_age_seconds_count") == 1
    assert grown("lookout_tokens_total", kind="completion") >= 3
    for stage in ("queue", "pictures", "first_token", "engine", "total"):
        assert grown("lookout_chat_seconds_count", stage=stage) == 1
        assert 0 <= grown("lookout_chat_seconds_sum", stage=stage) < 10


def test_cameras_and_workers_are_gauges(lookout: httpx.Client) -> None:
    series = scrape(lookout)
    assert value(series, "lookout_camera_live", camera="demo") == 1
    assert value(series, "lookout_camera_fps", camera="demo") > 0
    assert value(series, "lookout_camera_last_frame_timestamp_seconds", camera="demo") > 1e9
    assert value(series, "lookout_camera_attempts", camera="demo") >= 1
    slots = {labels: n for (name, labels), n in series.items() if name == "lookout_worker_slots"}
    ((labels, number),) = slots.items()
    assert dict(labels)["model"] == "echo"
    assert number == 128


def test_health_answers_while_all_are_busy(lookout: httpx.Client) -> None:
    text = "word " * 20_000
    with ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(ask, lookout, text, max_tokens=10) for _ in range(48)]
        slowest = max(lookout.get("/health/live").elapsed.total_seconds() for _ in range(20))
    assert {answer.result().status_code for answer in answers} == {200}
    assert slowest < 0.5

"""The api by itself: it stays responsive when everything else is down, and says what is missing."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from compose import valkey
from compose.ports import free_port
from tests.api.asking import ask, refused
from tests.conftest import wait_for_redis


@dataclass(frozen=True)
class Alone:
    http: httpx.Client
    redis: "subprocess.Popen[bytes]"
    api: "subprocess.Popen[bytes]"
    log: Path

    def took_s(self, path: str, status: int) -> float:
        answer = self.http.get(path)
        assert answer.status_code == status, answer.text
        return answer.elapsed.total_seconds()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    """An api process and a Valkey, and nobody else."""
    port, url = free_port(), f"unix://{tmp_path}/s"
    settings = {"REDIS_URL": url, "LOOKOUT_PORT": str(port), "LOOKOUT_RUN_DIR": str(tmp_path)}
    with subprocess.Popen(valkey.command(tmp_path / "s", tmp_path, 0)) as redis:
        wait_for_redis(url)
        with (
            (tmp_path / "log").open("w") as log,
            subprocess.Popen(
                [sys.executable, "-m", "api"],
                env={**os.environ, **settings},
                stderr=log,
            ) as api,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http,
        ):
            wait_until_live(http)
            yield Alone(http, redis, api, tmp_path / "log")
            api.kill()
        redis.kill()


def wait_until_live(http: httpx.Client) -> None:
    give_up = time.monotonic() + 15
    while True:
        try:
            assert http.get("/health/live").status_code == 200
            return
        except httpx.TransportError:
            assert time.monotonic() < give_up
            time.sleep(0.02)


def test_without_a_model_it_is_not_ready_and_says_why(alone: Alone) -> None:
    answer = alone.http.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["redis"] == "ok"
    assert answer.json()["workers"] == []
    assert alone.http.head("/health/ready").status_code == 503
    assert alone.http.get("/v1/models").json() == {"object": "list", "data": []}
    assert alone.http.get("/v1/cameras").json() == {"object": "list", "data": []}
    refused(alone.http.get("/v1/models/echo"), 503, "unavailable")
    for model in ("default", "echo"):
        question = ask(alone.http, "hi", model=model)
        assert "inference" in refused(question, 503, "unavailable")
        assert int(question.headers["retry-after"]) >= 1


def test_without_redis_it_answers_what_it_can(alone: Alone) -> None:
    alone.redis.kill()
    alone.redis.wait()
    assert alone.took_s("/health/live", 200) < 0.5
    assert alone.took_s("/health/ready", 503) < 2
    assert alone.took_s("/metrics", 200) < 2
    assert alone.took_s("/v1/models", 200) < 0.5
    assert alone.took_s("/openapi.json", 200) < 2
    assert alone.http.get("/health/ready").json()["redis"] == "no answer"
    began = time.monotonic()
    refused(ask(alone.http, "hi"), 503, "unavailable")
    refused(alone.http.get("/v1/cameras"), 503, "unavailable")
    assert time.monotonic() - began < 15
    assert alone.log.read_text().count("redis lost, waiting") == 1  # once, not once per try


def test_without_redis_it_stops_in_time(alone: Alone) -> None:
    alone.redis.kill()
    alone.redis.wait()
    assert alone.took_s("/health/ready", 503) < 2
    alone.api.terminate()
    assert alone.api.wait(4) == 0


def test_redis_may_come_later(tmp_path: Path) -> None:
    port, url = free_port(), f"unix://{tmp_path}/s"
    settings = {"REDIS_URL": url, "LOOKOUT_PORT": str(port), "LOOKOUT_RUN_DIR": str(tmp_path)}
    with (
        subprocess.Popen([sys.executable, "-m", "api"], env={**os.environ, **settings}) as api,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http,
    ):
        wait_until_live(http)
        assert http.get("/health/ready").json()["redis"] == "no answer"
        with subprocess.Popen(valkey.command(tmp_path / "s", tmp_path, 0)) as redis:
            wait_for_redis(url)
            assert http.get("/health/ready").json()["redis"] == "ok"
            redis.kill()
        api.kill()

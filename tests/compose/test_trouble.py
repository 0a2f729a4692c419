"""What happens to the stack while it is used: processes die, Redis is made anew, all is stopped."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import httpx
import openai
import pytest

from tests.compose.asking import add_rule, ask, subscribed
from tests.compose.stack import SERVICES, ComposeStack
from tests.waiting import until

pytestmark = pytest.mark.compose

HEALS_S = 30.0


@contextmanager
def asked_all_the_time(client: openai.OpenAI) -> Iterator[list[str]]:
    """The errors of chats that follow one another, four at a time."""
    failures, over = list[str](), threading.Event()

    def go_on() -> None:
        while not over.is_set():
            try:
                ask(client)
            except openai.OpenAIError as error:
                failures.append(f"{type(error).__name__}: {error}")
                time.sleep(0.1)  # as a client would that tries again

    threads = [threading.Thread(target=go_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield failures
    finally:
        over.set()
        for thread in threads:
            thread.join()


def sees(client: openai.OpenAI) -> int:
    """The number of a frame that is new enough to answer from; 0 if there is none."""
    try:
        (frame,) = ask(client).lookout["frames"]
    except openai.OpenAIError:
        return 0
    return int(frame["seq"]) if frame["age_ms"] < 2000 else 0


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_killed_under_load_is_back_soon(
    stack: ComposeStack, client: openai.OpenAI, service: str
) -> None:
    with asked_all_the_time(client) as failures:
        stack.kill(service)
        began = monotonic()
        until(lambda: stack.is_healthy(service), HEALS_S)
        until(lambda: sees(client), HEALS_S - (monotonic() - began))
        seen = sees(client)
        until(lambda: sees(client) > seen, 10)  # frames flow, they are no relics
    if service in ("inference", "alerts", "preview"):  # what was accepted is answered all the same
        assert failures == []
    assert all(stack.is_healthy(name) for name in SERVICES)


@pytest.mark.parametrize("service", ["alerts", "inference", "capture", "redis"])
def test_an_alert_fires_once_and_resolves_once_whoever_dies(
    stack: ComposeStack, http: httpx.Client, service: str
) -> None:
    add_rule(http, "once")
    alert = until(lambda: firing(http), 90)
    stack.kill(service)
    until(lambda: stack.is_healthy(service), HEALS_S)
    until(lambda: (kept(http, alert) or {}).get("state") == "resolved", 120)
    log = stack.compose("exec", "api", "python3", "-c", EVENTS_OF.format(alert=alert)).split()
    assert log == ["fired", "resolved"]
    http.delete("/v1/rules/once")


EVENTS_OF = """
import os, json, redis
for _, fields in redis.Redis.from_url(os.environ["REDIS_URL"]).xrange("lookout:alerts:log"):
    event = json.loads(fields[b"event"])
    if event["id"] == "{alert}":
        print(event["type"])
"""


def firing(http: httpx.Client) -> str:
    alerts = http.get("/v1/alerts", params={"rule": "once", "state": "firing"}).json()["data"]
    return str(alerts[0]["id"]) if alerts else ""


def kept(http: httpx.Client, alert: str) -> dict[str, object] | None:
    try:
        answer = http.get(f"/v1/alerts/{alert}")
    except httpx.HTTPError:
        return None
    return answer.json() if answer.status_code == 200 else None


def test_a_redis_container_that_is_made_anew_has_lost_nothing(
    stack: ComposeStack, http: httpx.Client, client: openai.OpenAI
) -> None:
    add_rule(http, "kept")
    http.post("/v1/cameras", json={"id": "second", "url": "demo:?seconds=60"}).raise_for_status()
    with subscribed() as events:
        next(e for e in events if e["type"] == "fired")
    before = {kind: ids(http, kind) for kind in ("rules", "cameras", "alerts")}
    time.sleep(1.5)  # Redis writes every second
    stack.compose("up", "-d", "--force-recreate", "--no-deps", "--wait", "redis")
    until(lambda: sees(client), HEALS_S)
    after = {kind: ids(http, kind) for kind in ("rules", "cameras", "alerts")}
    assert after["rules"] == before["rules"]
    assert after["cameras"] == before["cameras"]
    assert after["alerts"] >= before["alerts"]
    http.delete("/v1/rules/kept")
    http.delete("/v1/cameras/second")


def ids(http: httpx.Client, kind: str) -> set[str]:
    answer = http.get(f"/v1/{kind}").json()
    return {entry["id"] for entry in answer["data"]}


def test_the_stack_stops_in_time_and_of_its_own_will(stack: ComposeStack) -> None:
    began = monotonic()
    stack.compose("stop")
    assert monotonic() - began < 25
    status = {service: stack.inspect(service)["State"]["ExitCode"] for service in SERVICES}
    assert status == dict.fromkeys(SERVICES, 0)
    stack.compose("start")
    until(lambda: all(stack.is_healthy(service) for service in SERVICES), 120)

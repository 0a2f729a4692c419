"""What happens to the stack while it is used: processes die, Redis is made anew, all is stopped."""

import json
import re
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any

import httpx
import openai
import pytest
from redis import Redis

from bus import names
from tests.compose.asking import add_rule, ask, previewed
from tests.compose.load import Asked, asked_all_the_time, longest_silence_s
from tests.compose.stack import SERVICES, ComposeStack, port
from tests.waiting import until

pytestmark = pytest.mark.compose

HEALS_S = 30.0
RULE = "watched"


@pytest.fixture(scope="module")
def rule(stack: ComposeStack, http: httpx.Client) -> Iterator[str]:
    """One that is judged through all the trouble; whatever happens, its alerts come in pairs."""
    add_rule(http, RULE)
    yield RULE
    happened = until(lambda: found if len(found := events()) % 2 == 0 else [], 90)
    http.delete(f"/v1/rules/{RULE}")
    assert [event["type"] for event in happened] == ["fired", "resolved"] * (len(happened) // 2)
    pairs = zip(happened[::2], happened[1::2], strict=True)
    assert all(fired["id"] == resolved["id"] for fired, resolved in pairs)
    assert len({event["id"] for event in happened}) == len(happened) // 2


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_killed_under_load_heals_and_loses_nothing(
    stack: ComposeStack,
    client: openai.OpenAI,
    http: httpx.Client,
    rule: str,
    figures: list[str],
    service: str,
) -> None:
    alert = until(lambda: firing(http), 90)
    with asked_all_the_time(client) as asked:
        until(lambda: len(asked) > 50)
        killed = stack.kill(service)
        until(lambda: stack.is_healthy(service), HEALS_S)
        healthy_s = monotonic() - killed
        seen = until(lambda: sees(client), HEALS_S - healthy_s)
        until(lambda: sees(client) > seen, 10)  # frames flow, they are no relics
        picture = http.get("/v1/cameras/demo/frame.jpg").content
        until(lambda: http.get("/v1/cameras/demo/frame.jpg").content != picture, 10)
    assert healthy_s < HEALS_S
    refused = refusals(service, asked, killed)
    until(stack.is_whole, HEALS_S)
    until(lambda: state(http, alert) == "resolved", 120)
    of_alert = [event["type"] for event in events() if event["id"] == alert]
    assert of_alert == ["fired", "resolved"]
    figures.append(
        f"{service} killed under load: healthy after {healthy_s:.1f} s, longest silence"
        f" {longest_silence_s(asked, killed):.1f} s, {len(asked)} questions, {refused} refused"
    )


def test_the_preview_shows_new_pictures_after_all_that(
    stack: ComposeStack, rule: str, key: str
) -> None:
    pictures = previewed(key, 15)
    assert len({picture.to_ndarray(format="rgb24").tobytes() for picture in pictures}) == 15


def refusals(service: str, asked: Sequence[Asked], killed: float) -> int:
    """How many were told to try again; what was accepted is answered, whoever dies."""
    failed = [one for one in asked if one.error]
    if service == "api":  # it takes its connections along
        assert all(one.error.startswith("APIConnectionError") for one in failed), failed
    elif service in ("redis", "capture"):
        assert all(one.began > killed for one in failed), failed
        assert all(re.search(r"Error code: 50[34]", one.error) for one in failed), failed
    else:
        assert failed == []
    return len(failed)


def sees(client: openai.OpenAI) -> int:
    """The number of a frame that is new enough to answer from; 0 if there is none."""
    try:
        (frame,) = ask(client).lookout["frames"]
    except openai.OpenAIError:
        return 0
    return int(frame["seq"]) if frame["age_ms"] < 2000 else 0


def events() -> list[dict[str, Any]]:
    """When the rule's alerts fired and resolved, from the log."""
    with Redis(port=port("REDIS")) as redis:
        log = [json.loads(fields[b"event"]) for _, fields in redis.xrange(names.ALERTS_LOG)]
    ours = [event for event in log if event.get("rule", {}).get("id") == RULE]
    return [event for event in ours if event["type"] in ("fired", "resolved")]


def firing(http: httpx.Client) -> str:
    """The alert that fires now."""
    alerts = http.get("/v1/alerts", params={"rule": RULE, "state": "firing"}).json()["data"]
    return str(alerts[0]["id"]) if alerts else ""


def state(http: httpx.Client, alert: str) -> str:
    return str(http.get(f"/v1/alerts/{alert}").json()["state"])


def test_a_redis_container_that_is_made_anew_has_lost_nothing(
    stack: ComposeStack, http: httpx.Client, client: openai.OpenAI, rule: str
) -> None:
    http.post("/v1/cameras", json={"id": "second", "url": "demo:?speed=2"}).raise_for_status()
    until(lambda: kept(http)["alerts"], 90)
    before, container = kept(http), stack.container("redis")
    with Redis(port=port("REDIS")) as redis:
        assert redis.execute_command("WAITAOF", 1, 0, 5000)[0] == 1  # it is on the disk
    stack.compose("up", "-d", "--force-recreate", "--no-deps", "--wait", "redis")
    assert stack.container("redis") != container
    until(lambda: sees(client), HEALS_S)
    after = kept(http)
    assert (after["rules"], after["cameras"]) == (before["rules"], before["cameras"])
    assert before["alerts"].items() <= after["alerts"].items()
    http.delete("/v1/cameras/second")


def kept(http: httpx.Client) -> dict[str, dict[str, Any]]:
    """What the users have made, and what has happened, by id."""

    def by_id(kind: str, *fields: str) -> dict[str, Any]:
        found = http.get(f"/v1/{kind}").raise_for_status().json()["data"]
        return {entry["id"]: [entry[field] for field in fields] for entry in found}

    return {
        "rules": by_id("rules", "question", "cameras", "every_s"),
        "cameras": by_id("cameras", "url"),
        "alerts": by_id("alerts?limit=100", "fired"),
    }


def test_the_stack_stops_in_time_and_of_its_own_will(
    stack: ComposeStack, rule: str, http: httpx.Client
) -> None:
    before = kept(http)["rules"]
    began = monotonic()
    stack.compose("stop")
    assert monotonic() - began < 45  # ten seconds each, one after the other where one needs another
    status = {service: stack.inspect(service)["State"]["ExitCode"] for service in SERVICES}
    assert status == dict.fromkeys(SERVICES, 0)
    stack.compose("start")
    until(stack.is_whole, 120)
    assert kept(http)["rules"] == before

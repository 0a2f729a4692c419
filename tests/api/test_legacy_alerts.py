"""The ancestor's clients set their alerts as they always did."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.alerting import Served, serving
from tests.api.asking import refused

PREFIXES = ("/v1", "/api/v1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    limits = {"LOOKOUT_ALERT_COOLDOWN_S": "7", "LOOKOUT_MAX_RULES": "12"}
    with serving(tmp_path_factory.mktemp("legacy"), **limits) as served:
        yield served


@pytest.fixture
def http(server: Served) -> httpx.Client:
    server.redis.flushall()
    server.http.post("/v1/cameras", json={"id": "front", "url": "demo:"})
    return server.http


def set_alerts(http: httpx.Client, *alerts: str, prefix: str = "/v1", **more: object) -> None:
    answer = http.post(f"{prefix}/alerts", json={"alerts": alerts, **more})
    assert (answer.status_code, answer.json()) == (200, {"detail": "Alert rules set"})


def rules(http: httpx.Client) -> dict[str, dict[str, Any]]:
    return {rule["id"]: rule for rule in http.get("/v1/rules").json()["data"]}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_list_becomes_rules_whose_ids_tell_their_place(http: httpx.Client, prefix: str) -> None:
    set_alerts(http, "is there a fire?", " ", "is there smoke?", prefix=prefix)
    found = rules(http)
    assert {name: rule["question"] for name, rule in found.items()} == {
        "r0": "is there a fire?",
        "r2": "is there smoke?",
    }
    rule = found["r0"]
    assert (rule["cameras"], rule["gate"], rule["cooldown_s"]) == (["*"], "none", 7)


def test_a_list_takes_the_place_of_the_one_before_and_of_nothing_else(http: httpx.Client) -> None:
    http.put("/v1/rules/gate", json={"question": "Is it open?"})
    set_alerts(http, "one?", "two?", "three?")
    set_alerts(http, "four?")
    assert {name: rule["question"] for name, rule in rules(http).items()} == {
        "gate": "Is it open?",
        "r0": "four?",
    }
    set_alerts(http)
    assert list(rules(http)) == ["gate"]


def test_a_list_may_be_about_one_camera(http: httpx.Client) -> None:
    set_alerts(http, "is there a fire?", id="front")
    assert rules(http)["r0"]["cameras"] == ["front"]
    for camera in ("attic", "a b"):
        answer = http.post("/v1/alerts", json={"alerts": ["is it?"], "id": camera})
        refused(answer, 404, "camera_not_found")
    assert rules(http)["r0"]["question"] == "is there a fire?"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "alerts"),
        ({"alerts": "is it?"}, "alerts"),
        ({"alerts": ["is it?", 7]}, "alerts[1]"),
        ({"alerts": ["is it?", "x" * 101]}, "alerts[1]"),
        ({"alerts": ["is it?"] * 11}, "alerts"),
        ({"alerts": ["is it?"] * 1000}, "alerts"),
        ({"alerts": [], "colour": "red"}, "colour"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_list_that_means_nothing_is_refused_and_the_one_before_stays(
    http: httpx.Client, body: dict[str, object], param: str
) -> None:
    set_alerts(http, "is there a fire?")
    refused(http.post("/v1/alerts", json=body), 400, "bad_request", param)
    assert list(rules(http)) == ["r0"]


def test_a_rule_of_somebody_else_is_never_replaced(http: httpx.Client) -> None:
    http.put("/v1/rules/r1", json={"question": "Is it mine?"})
    answer = http.post("/v1/alerts", json={"alerts": ["one?", "two?"]})
    refused(answer, 409, "rule_exists", "alerts[1]")
    assert list(rules(http)) == ["r1"]
    set_alerts(http, "one?", "", "three?")
    http.put("/v1/rules/r2", json={"question": "Is this mine too?"})
    set_alerts(http)
    assert list(rules(http)) == ["r1", "r2"]


def test_rules_of_a_list_count_as_rules(http: httpx.Client) -> None:
    for number in range(10):
        http.put(f"/v1/rules/n{number}", json={"question": "Is it?"})
    set_alerts(http, "one?", "two?")
    set_alerts(http, "three?", "four?")
    answer = http.post("/v1/alerts", json={"alerts": ["one?", "two?", "three?"]})
    assert "LOOKOUT_MAX_RULES" in refused(answer, 429, "overloaded")
    assert rules(http)["r0"]["question"] == "three?"

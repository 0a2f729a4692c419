"""Whatever the dashboard and the rules for Prometheus ask for, a running stack tells."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import yaml  # type: ignore[import-untyped]

from tests.api.asking import ask, image
from tests.stack import Stack
from tests.waiting import until

FOLDER = Path(__file__).parents[1] / "compose" / "monitoring"
NOT_OURS = {"and", "or", "up"}  # PromQL's, and Prometheus' own
RULE = {
    "id": "bright",
    "question": "Is it bright?",
    "cameras": ["demo"],
    "every_s": 0.5,
    "gate": "none",
    "on": 0.02,
    "off": 0.01,
}


def expressions() -> Iterator[str]:
    dashboard = json.loads((FOLDER / "grafana" / "dashboards" / "lookout.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for group in yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def named(expression: str) -> set[str]:
    """The metrics in *expression*: words that are no function, label, range or keyword."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\bby \([^)]*\)", "", expression)
    return set(re.findall(r"\b[a-z_]{2,}\b(?!\s*\()", bare)) - NOT_OURS


def told(http: httpx.Client) -> set[str]:
    return set(re.findall(r"^(\w+)[{ ]", http.get("/metrics").text, re.MULTILINE))


def test_metrics_are_told_from_functions_and_labels() -> None:
    assert named('max by (camera) (rate(a_total{b="c"}[5m])) / sum(busy) or vector(0)') == {
        "a_total",
        "busy",
    }


@pytest.fixture
def used(echo_stack: Stack) -> Iterator[httpx.Client]:
    """A stack that has been asked a question, and in which a rule has fired."""
    with httpx.Client(base_url=echo_stack.url, timeout=30, trust_env=False) as http:
        ask(http, image("demo"), model="echo").raise_for_status()
        http.post("/v1/rules", json=RULE).raise_for_status()
        http.post("/v1/alerts", json={"alerts": ["Is there a fire?"]}).raise_for_status()
        until(lambda: http.get("/v1/alerts", params={"rule": "bright"}).json()["data"])
        yield http
        http.post("/v1/alerts", json={"alerts": []}).raise_for_status()
        http.delete("/v1/rules/bright").raise_for_status()


def test_every_metric_of_the_dashboard_and_the_rules_is_there(used: httpx.Client) -> None:
    wanted = set[str]().union(*(named(expression) for expression in expressions()))
    assert len(wanted) > 20

    with suppress(AssertionError):  # some come with the next heartbeat
        until(lambda: wanted <= told(used), 20)
    assert wanted - told(used) == set()

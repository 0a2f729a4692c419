"""
The API keeps to its own document, whatever is asked of it.

Cases are made from the document: its limits, what lies beyond them, and chance with a seed.
No case leaves this machine: every host in it becomes one where nobody listens.
"""

import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from redis import Redis
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import build
from api.settings import ApiSettings
from bus import names
from bus.alerts import Alert, encode
from tests.api.alerting import CAPTURED, fired
from tests.api.asking import file_of, solid
from tests.stack import Stack, running

EXAMPLES = int(os.environ.get("LOOKOUT_FUZZ_EXAMPLES", "8"))
CHECKS = [
    *(not_a_server_error, status_code_conformance, content_type_conformance),
    *(response_headers_conformance, response_schema_conformance, negative_data_rejection),
]
CONFIG = {
    "generation": {"deterministic": True, "max-examples": EXAMPLES, "codec": "utf-8"},
    "checks": {
        # Cameras that cannot be had, and what this version cannot do, are no faults of ours.
        "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "501", "502", "503", "504"]},
    },
}
ENDLESS = ("stream_alerts", "watch_camera")
# What is there, so that not every case is about something that is not.
THERE = {"camera": "front", "rule": "gate", "alert": "a1", "model": "echo"}
NOBODY = "127.0.0.1:9"
HOST = re.compile(r"(?<=://)[^/?#]*")

document = build(ApiSettings()).openapi()
api = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(CONFIG))
api = api.exclude(operation_id=list(ENDLESS))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(
        tmp_path_factory.mktemp("fuzzed"),
        *("--model", "echo:?slots=8"),
        LOOKOUT_CAMERA_OPEN_S="0.5",
        LOOKOUT_FETCH_TIMEOUT_S="0.3",
        LOOKOUT_REQUEST_TIMEOUT_S="5",
        LOOKOUT_MAX_CAMERAS="100000",
        LOOKOUT_MAX_RULES="100000",
    ) as stack:
        yield stack


@pytest.fixture(scope="module")
def http(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=30, trust_env=False) as http:
        yield http


@pytest.fixture(scope="module")
def redis(stack: Stack) -> Iterator["Redis[bytes]"]:
    with Redis.from_url(stack.redis_url) as redis:
        yield redis


def furnish(http: httpx.Client, redis: "Redis[bytes]") -> None:
    """Have everything that is `THERE`."""
    http.post("/v1/cameras", json={"id": THERE["camera"], "url": "demo:?fps=1&size=64x48"})
    http.put(f"/v1/rules/{THERE['rule']}", json={"question": "Is it?", "enabled": False})
    alert = Alert(id=THERE["alert"], state="firing", fired=fired(THERE["alert"]))
    redis.set(names.alert(alert.id), encode(alert))
    redis.set(names.snapshot(alert.id), file_of(solid(), "JPEG"))
    redis.zadd(names.ALERT_INDEX, {alert.id: CAPTURED})


def tamed(value: Any) -> Any:
    """*value* with every host in it one where nobody listens."""
    if isinstance(value, dict):
        return {tamed(key): tamed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [tamed(inner) for inner in value]
    return HOST.sub(NOBODY, value) if isinstance(value, str) else value


@api.parametrize()
def test_whatever_is_asked_is_answered_as_the_document_says(
    case: schemathesis.Case, stack: Stack, http: httpx.Client, redis: "Redis[bytes]"
) -> None:
    case.body = tamed(case.body)
    if case.operation.body and case.path_parameters:
        furnish(http, redis)
        case.path_parameters = {name: THERE[name] for name in case.path_parameters}
    answer = case.call(base_url=stack.url, timeout=30)
    try:
        case.validate_response(answer, checks=CHECKS)
    finally:
        if answer.status_code == 201:
            made = quote(answer.json()["id"], safe="")
            http.delete(f"{case.operation.path.partition('{')[0].rstrip('/')}/{made}")

"""
The API keeps to its own document, whatever is asked of it.

Cases are made from the document: its limits, what lies beyond them, and chance with a seed.
No case leaves this machine: every host in it becomes one where nobody listens.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema
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
from tests.api.alerting import CAPTURED, camera_down, fired
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
whole = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(CONFIG))
api = whole.exclude(operation_id=list(ENDLESS))


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
def redis(stack: Stack) -> Iterator[Redis]:
    with Redis.from_url(stack.redis_url) as redis:
        yield redis


def furnish(http: httpx.Client, redis: Redis) -> None:
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
    case: schemathesis.Case[Any], stack: Stack, http: httpx.Client, redis: Redis
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


ASKED = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "front"}}]}]
RULE = {"question": "Is it?", "cameras": ["front"]}
# Operation, what is sent, and the status: every operation is asked something that it can do.
GOOD: Sequence[tuple[str, dict[str, Any], int]] = (
    ("create_chat_completion", {"messages": ASKED}, 200),
    ("create_chat_completion", {"messages": ASKED, "stream": True}, 200),
    ("create_chat_completion", {"messages": ASKED, "n": 2, "logprobs": True}, 200),
    ("create_response", {"input": "Is it?"}, 200),
    ("create_response", {"input": "Is it?", "stream": True}, 200),
    ("get_response", {}, 200),
    ("list_input_items", {}, 200),
    ("cancel_response", {}, 400),  # nothing here runs in the background
    ("delete_response", {}, 200),
    ("list_models", {}, 200),
    ("get_model", {}, 200),
    ("get_camera_frame", {}, 200),
    ("list_cameras", {}, 200),
    ("create_camera", {"url": "demo:?fps=1&size=64x48", "name": "Another"}, 201),
    ("get_camera", {}, 200),
    ("change_camera", {"name": "The front"}, 200),
    ("delete_camera", {}, 200),
    ("list_live_streams", {}, 200),
    ("add_live_stream", {"liveStreamUrl": "demo:?fps=2&size=64x48"}, 200),
    ("delete_live_stream", {}, 200),
    ("list_rules", {}, 200),
    ("create_rule", RULE, 201),
    ("get_rule", {}, 200),
    ("put_rule", RULE, 200),
    ("change_rule", {"every_s": None, "for_s": 2}, 200),
    ("delete_rule", {}, 200),
    ("list_alerts", {}, 200),
    ("set_alerts", {"alerts": []}, 200),
    ("get_alert", {}, 200),
    ("get_snapshot", {}, 200),
    ("give_feedback", {"correct": True}, 200),
    ("delete_alert", {}, 200),
    ("get_liveness", {}, 200),
    ("get_readiness", {}, 200),
    ("get_metrics", {}, 200),
)


def known(name: str, http: httpx.Client) -> str:
    """The id of something that is there."""
    if name == "response":
        made = http.post("/v1/responses", json={"input": "Is it?"})
        return str(made.json()["id"])
    return THERE[name]


@pytest.mark.parametrize(("name", "body", "status"), GOOD)
def test_what_is_answered_has_the_shape_that_the_document_says(
    name: str,
    body: dict[str, Any],
    status: int,
    stack: Stack,
    http: httpx.Client,
    redis: Redis,
) -> None:
    furnish(http, redis)
    operation = whole.find_operation_by_id(name)
    parameters = operation.definition.raw.get("parameters", ())
    path = {one["name"]: known(one["name"], http) for one in parameters if one["in"] == "path"}
    sent: dict[str, Any] = {"body": body, "media_type": "application/json"} if body else {}
    case = operation.Case(path_parameters=path, **sent)
    answer = case.call(base_url=stack.url, timeout=30)
    assert answer.status_code == status, answer.text
    case.validate_response(answer, checks=CHECKS)


def test_every_operation_is_asked_something_that_it_can_do() -> None:
    operations = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    assert {name for name, _, _ in GOOD} == operations - set(ENDLESS)


def test_the_pieces_of_a_stream_have_the_shape_that_the_document_says(http: httpx.Client) -> None:
    asked = {"messages": [{"role": "user", "content": "one two"}], "stream": True}
    options = {"stream_options": {"include_usage": True}}
    answer = http.post("/v1/chat/completions", json={**asked, **options})
    *pieces, done, _ = answer.text.split("\n\n")
    assert done == "data: [DONE]"
    schema = {"$ref": "#/components/schemas/ChatCompletionChunk", **document}
    for piece in pieces:
        jsonschema.validate(json.loads(piece.removeprefix("data: ")), schema)


def test_alert_events_have_the_shape_that_the_document_says() -> None:
    for name, event in (("AlertEvent", fired()), ("CameraEvent", camera_down())):
        schema = {"$ref": f"#/components/schemas/{name}", **document}
        jsonschema.validate(json.loads(encode(event)), schema)

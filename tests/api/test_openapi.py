"""The API's document is valid, whole and true: a client can be made from it."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import openapi_spec_validator
import pytest

from api.app import build
from api.errors import STATUS
from api.settings import ApiSettings
from api.shapes.components import components, plain_pattern
from bus.rule_parsing import ALLOWED, parse_rule
from bus.rules import EVERY

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build(ApiSettings()).openapi()


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def every(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in *value*."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value
    for part in inner if isinstance(value, dict | list) else ():
        yield from every(part)


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    openapi_spec_validator.validate(document)


def test_the_document_is_served_as_it_is_made(
    lookout: httpx.Client, document: dict[str, Any]
) -> None:
    answer = lookout.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["paths"].keys() == document["paths"].keys()
    assert answer.content == lookout.get("/openapi.json").content


def test_every_operation_says_what_it_is_called_and_what_it_does(
    operations: dict[str, dict[str, Any]],
) -> None:
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)] == []
    for operation in operations.values():
        assert operation["summary"][0].isupper()
        assert len(operation["tags"]) == 1


def test_no_route_stands_there_twice(document: dict[str, Any]) -> None:
    assert "/v1/chat/completions" in document["paths"]
    aliases = re.compile(r"/api/|/v1/health/|/v1/chat/completion$")
    assert [path for path in document["paths"] if aliases.match(path)] == []


def test_every_answer_has_its_kind_and_every_refusal_its_codes(
    operations: dict[str, dict[str, Any]],
) -> None:
    for name, operation in operations.items():
        for status, answer in operation["responses"].items():
            if answer["description"].startswith("`"):
                codes = re.findall(r"`(\w+)`", answer["description"])
                assert {str(STATUS[code]) for code in codes} == {status}, name
                assert codes
                schema = answer["content"]["application/json"]["schema"]
                assert schema["$ref"].endswith("/ErrorAnswer")
            else:
                assert answer["content"], (name, status)
                assert all(content["schema"] for content in answer["content"].values()), name


def test_every_reference_leads_somewhere_and_every_schema_is_named_once(
    document: dict[str, Any],
) -> None:
    named = document["components"]["schemas"]
    wanted = {part["$ref"] for part in every(document) if isinstance(part.get("$ref"), str)}
    assert {place.removeprefix("#/components/schemas/") for place in wanted} <= set(named)
    assert "HTTPValidationError" not in named
    asked = {"ChatRequest", "NewCamera", "CameraChange", "LiveStream", "Feedback", "LegacyAlerts"}
    assert asked <= set(named)
    assert not asked & set(components())


def test_health_needs_no_key_and_all_else_may(operations: dict[str, dict[str, Any]]) -> None:
    for name, operation in operations.items():
        public = "/health/" in name
        assert ("security" in operation) != public
        assert ("401" in operation["responses"]) != public


def test_what_a_rule_may_be_is_said_in_words_of_json_schema(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["Rule"]["required"] == ["question"]
    assert schemas["RuleChange"]["required"] == []
    changes = (*schemas["RuleChange"]["properties"].values(), schemas["CameraChange"])
    assert not any(part.get("default") for change in changes for part in every(change))
    assert schemas["Rule"]["properties"]["on"]["default"] == 0.6
    for name, field in schemas["Rule"]["properties"].items():
        assert field["description"] == ALLOWED[name]
    for schema in every(schemas):
        if isinstance(pattern := schema.get("pattern"), str):
            assert not re.search(r"\\[AZu]", pattern), pattern


@pytest.mark.parametrize("text", ["gate", EVERY, "犬 🐕", "a\nb", "  x", " ", "", "-", "x\n"])
def test_a_pattern_means_the_same_to_a_client(text: str) -> None:
    for ours in (r"\A(\*|[A-Za-z0-9][A-Za-z0-9_-]{0,63})\Z", r"\A[^\ud800-\udfff]*\Z"):
        theirs = plain_pattern(ours).replace("$", r"\Z")  # as ECMAScript understands it
        assert bool(re.search(ours, text)) == bool(re.search(theirs, text))


def test_the_examples_of_rules_are_rules(operations: dict[str, dict[str, Any]]) -> None:
    body = operations["POST /v1/rules"]["requestBody"]["content"]["application/json"]
    assert parse_rule(body["example"]).question == body["example"]["question"]

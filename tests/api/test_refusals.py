"""What is asked and cannot be done is refused by name; what cannot matter is let through."""

import json
from typing import Any

import httpx
import pytest

from tests.api.asking import CHAT, RED, ask, image, red_url, refused, seen


def schema(schema: object) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "scene", "schema": schema}}


@pytest.mark.parametrize("field", ["top_k", "temprature", "x" * 5000, "größe"])
def test_an_unknown_field_is_refused_by_name(lookout: httpx.Client, field: str) -> None:
    reason = refused(ask(lookout, "hi", **{field: 1}), 400, "bad_request", field[:100])
    assert "not known" in reason


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "hi"}, "messages"),
    ({"messages": {"role": "user", "content": "hi"}}, "messages"),
    ({"messages": ["hi"]}, "messages[0]"),
    ({"messages": [{}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"content": "hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "tool", "content": "hi"}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": 1, "content": "hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": {}}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": "hi", "size": 1}]}, "messages[0].size"),
    ({"messages": [{"role": "user", "content": "a"}] * 257}, "messages"),
    ({"model": 5}, "model"),
    ({"model": "m" * 300}, "model"),
    ({"stream": "sometimes"}, "stream"),
    ({"stream_options": True}, "stream_options"),
    ({"stream_options": {"include_usage": "perhaps"}}, "stream_options.include_usage"),
    ({"stream_options": {"colour": 1}}, "stream_options.colour"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"max_tokens": "many"}, "max_tokens"),
    ({"max_tokens": 10**30}, "max_tokens"),
    ({"max_completion_tokens": []}, "max_completion_tokens"),
    ({"min_tokens": -1}, "min_tokens"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_p": 0}, "top_p"),
    ({"top_p": 1.1}, "top_p"),
    ({"seed": 0.5}, "seed"),
    ({"seed": 2**64}, "seed"),
    ({"stop": 5}, "stop"),
    ({"stop": ""}, "stop[0]"),
    ({"stop": ["a", 5]}, "stop[1]"),
    ({"stop": list("abcde")}, "stop"),
    ({"presence_penalty": 3}, "presence_penalty"),
    ({"frequency_penalty": {}}, "frequency_penalty"),
]


@pytest.mark.parametrize(("fields", "param"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_refused_where_it_stands(
    lookout: httpx.Client, fields: dict[str, Any], param: str
) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    reason = refused(lookout.post(CHAT, json=body), 400, "bad_request", param)
    assert reason.startswith(f"{param}: ")


WRONG_PARTS: list[tuple[Any, str]] = [
    ("text", "[1]"),
    (None, "[1]"),
    ([], "[1]"),
    ({}, "[1].type"),
    ({"text": "hi"}, "[1].type"),
    ({"type": "text"}, "[1].text"),
    ({"type": "text", "text": 5}, "[1].text"),
    ({"type": "text", "text": "a", "image_url": "b"}, "[1].image_url"),
    ({"type": "image", "image": "a"}, "[1].type"),
    ({"type": "input_audio", "input_audio": {"data": ""}}, "[1].type"),
    ({"type": "file", "file": {"file_id": "a"}}, "[1].type"),
    ({"type": ["text"], "text": "a"}, "[1].type"),
    ({"type": "image_url"}, "[1].image_url"),
    ({"type": "image_url", "image_url": None}, "[1].image_url"),
    ({"type": "image_url", "image_url": 5}, "[1].image_url"),
    ({"type": "image_url", "image_url": {}}, "[1].image_url.url"),
    ({"type": "image_url", "image_url": ""}, "[1].image_url.url"),
    ({"type": "image_url", "image_url": {"url": 5}}, "[1].image_url.url"),
    ({"type": "image_url", "image_url": {"url": "demo", "size": 1}}, "[1].image_url.size"),
    ({"type": "image_url", "image_url": {"url": "demo", "detail": "4k"}}, "[1].image_url.detail"),
]


@pytest.mark.parametrize(("part", "where"), WRONG_PARTS, ids=lambda value: str(value)[:40])
def test_a_wrong_part_is_refused_where_it_stands(
    lookout: httpx.Client, part: object, where: str
) -> None:
    answer = ask(lookout, {"type": "text", "text": "hi"}, part)
    refused(answer, 400, "bad_request", f"messages[0].content{where}")


def test_the_kinds_of_part_there_are_stand_in_the_refusal(lookout: httpx.Client) -> None:
    answer = ask(lookout, {"type": "input_audio"}, {"type": "text", "text": "hi"})
    reason = refused(answer, 400, "bad_request", "messages[0].content[0].type")
    assert "text, image_url" in reason


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"5", b'"hi"', b"[]", b'[{"messages": []}]', b'{"\\ud800": 1}'],
    ids=repr,
)
def test_a_body_that_is_no_object_is_refused(lookout: httpx.Client, body: bytes) -> None:
    answer = lookout.post(CHAT, content=body, headers={"content-type": "application/json"})
    refused(answer, 400, "bad_request")


@pytest.mark.parametrize(
    "body",
    [b"{", b"{'messages': []}", b'{"messages": [}', b"\xff\xfe", b"[" * 100_000, b"\x00" * 1000],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_json_is_refused_as_such(lookout: httpx.Client, body: bytes) -> None:
    answer = lookout.post(CHAT, content=body, headers={"content-type": "application/json"})
    assert refused(answer, 400, "bad_request") == "the body is not valid JSON"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
def test_a_body_must_say_that_it_is_json(lookout: httpx.Client, kind: str) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "hi"}]})
    answer = lookout.post(CHAT, content=body, headers={"content-type": kind})
    assert "Content-Type" in refused(answer, 400, "bad_request")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have_are_refused(lookout: httpx.Client, number: str) -> None:
    messages = '[{"role": "user", "content": "hi"}]'
    body = f'{{"messages": {messages}, "temperature": {number}}}'
    answer = lookout.post(CHAT, content=body, headers={"content-type": "application/json"})
    refused(answer, 400, "bad_request", "temperature")


def test_half_a_character_is_refused(lookout: httpx.Client) -> None:
    body = rb'{"messages": [{"role": "user", "content": "\ud83d"}]}'
    answer = lookout.post(CHAT, content=body, headers={"content-type": "application/json"})
    refused(answer, 400, "bad_request", "messages[0].content")


def test_a_refusal_repeats_nothing_of_what_was_sent(lookout: httpx.Client) -> None:
    secret = "do-not-repeat-me"
    for answer in (
        ask(lookout, 5, {"type": "text", "text": secret}),
        ask(lookout, secret, temperature=secret),
        ask(lookout, secret, tools=[secret]),
        ask(lookout, secret, tool_choice=secret),
        ask(lookout, secret, logit_bias={"1": secret}),
        ask(lookout, secret, response_format=schema({"type": secret})),
        ask(lookout, secret, response_format=schema({"$ref": secret})),
        ask(lookout, secret, response_format=schema({"pattern": f"(?={secret})"})),
        ask(lookout, {"type": "text", "text": secret, "more": secret}),
        ask(lookout, image(f"data:image/png;base64,{secret}")),
        ask(lookout, image(f"rtsp://user:{secret}/@10.0.0.1/")),
        lookout.post(CHAT, content=f'{{"messages": "{secret}', headers={"content-type": "a/json"}),
    ):
        assert answer.status_code == 400
        assert secret not in answer.text


def test_a_body_full_of_mistakes_is_refused_at_once(lookout: httpx.Client) -> None:
    millions = [0] * 500_000
    for body, param in (
        ({"messages": millions}, "messages[0]"),
        ({"messages": [{"role": "user", "content": millions}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": "hi"}], "stop": millions}, "stop"),
        ({"messages": [{"role": "user", "content": "hi"}], "tools": millions}, "tools[0]"),
        (
            {
                "messages": [{"role": "user", "content": "hi"}],
                "logit_bias": {str(number): 101 for number in range(100_000)},
            },
            "logit_bias",
        ),
        ({str(number): 0 for number in range(100_000)}, None),
    ):
        answer = lookout.post(CHAT, json=body, timeout=5)
        refused(answer, 400, "bad_request", param)


def test_an_image_url_is_a_string_or_an_object(lookout: httpx.Client) -> None:
    url = red_url()
    parts: list[object] = [
        {"type": "image_url", "image_url": url},
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "image_url", "image_url": {"url": f"  {url}\n"}},
        *(
            {"type": "image_url", "image_url": {"url": url, "detail": detail}}
            for detail in ("auto", "low", "high")
        ),
    ]
    assert [picture.colour for picture in seen(ask(lookout, *parts))] == [RED] * len(parts)

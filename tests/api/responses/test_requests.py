"""What is asked and cannot be done is refused by name; what cannot matter is let through."""

import json
from typing import Any

import httpx
import pytest

from api.responses.schemas import INCLUDABLE
from tests.api.asking import refused
from tests.api.responses.asking import PATH, ask, image, said, text, user

JSON = {"content-type": "application/json"}

IGNORED: dict[str, Any] = {
    "access_programs": {"cyber": "standard"},
    "background_options": {"completion_window": "soonest"},
    "image": {"context_compression": "auto"},
    "max_tool_calls": 5,
    "prompt_cache_key": "key",
    "prompt_cache_options": {"mode": "implicit"},
    "prompt_cache_retention": "24h",
    "reasoning": {"effort": "low", "summary": "auto"},
    "safety_identifier": "someone",
    "service_tier": "flex",
    "stream_options": {"include_obfuscation": False},
    "truncation": "auto",
    "user": "n8n",
}
NOTHING_ASKED: dict[str, Any] = {
    "background": False,
    "include": [],
    "metadata": {},
    "moderation": None,
    "parallel_tool_calls": True,
    "stream": False,
    "text": {},
    "tools": [],
    "tool_choice": "auto",
    "top_logprobs": 0,
    "truncation": "disabled",
}


def test_what_cannot_change_the_answer_is_accepted(lookout: httpx.Client) -> None:
    assert said(ask(lookout, "hi", **IGNORED)) == "hi"
    assert said(ask(lookout, "hi", **dict.fromkeys(IGNORED))) == "hi"
    assert said(ask(lookout, "hi", **NOTHING_ASKED)) == "hi"
    assert said(ask(lookout, "hi", **dict.fromkeys(NOTHING_ASKED))) == "hi"
    assert said(ask(lookout, "hi", text={"verbosity": "low", "format": {"type": "text"}})) == "hi"
    without_logprobs = [name for name in INCLUDABLE if "logprobs" not in name]
    assert said(ask(lookout, "hi", include=without_logprobs)) == "hi"


TOOL = {"type": "function", "name": "look"}
CALL = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"input": None}, "input"),
    ({"input": 5}, "input"),
    ({"input": {}}, "input"),
    ({"input": []}, "input"),
    ({"input": ["hi"]}, "input[0]"),
    ({"input": [{}]}, "input[0].role"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": [{"role": "robot", "content": "hi"}]}, "input[0].role"),
    ({"input": [{"role": "tool", "content": "hi"}]}, "input[0].role"),
    ({"input": [{"role": "user", "content": None}]}, "input[0].content"),
    ({"input": [{"role": "user", "content": "hi", "size": 1}]}, "input[0].size"),
    ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, "input[0].type"),
    ({"input": [{"type": ["message"]}]}, "input[0].type"),
    ({"input": [{"role": "user", "content": "a"}] * 257}, "input"),
    ({"input": [{**CALL, "name": "a b"}]}, "input[0].name"),
    ({"input": [{**CALL, "arguments": {}}]}, "input[0].arguments"),
    ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
    (
        {"input": [{"type": "function_call_output", "call_id": "c", "output": ""}]},
        "input[0].call_id",
    ),
    ({"model": 5}, "model"),
    ({"instructions": 5}, "instructions"),
    ({"stream": "sometimes"}, "stream"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"max_output_tokens": 10**30}, "max_output_tokens"),
    ({"temperature": 2.1}, "temperature"),
    ({"top_p": 0}, "top_p"),
    ({"top_logprobs": 21}, "top_logprobs"),
    ({"include": ["everything"]}, "include[0]"),
    ({"include": "everything"}, "include"),
    ({"text": "json"}, "text"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema"),
    ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
    (
        {"text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": "car"}}}},
        "text.format.schema",
    ),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"tools": [TOOL, {"type": "file_search", "vector_store_ids": []}]}, "tools[1].type"),
    ({"tools": [{"type": "computer_use_preview"}]}, "tools[0].type"),
    ({"tools": [{"type": "function", "function": {"name": "look"}}]}, "tools[0].name"),
    ({"tools": [{**TOOL, "name": "a b"}]}, "tools[0].name"),
    ({"tools": [{**TOOL, "parameters": []}]}, "tools[0].parameters"),
    ({"tools": [TOOL] * 129}, "tools"),
    ({"tool_choice": "must"}, "tool_choice"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tool_choice": {"type": "function", "name": "look"}}, "tool_choice"),
    ({"tool_choice": {"type": "web_search_preview"}}, "tool_choice.type"),
    (
        {"tools": [TOOL], "tool_choice": {"type": "allowed_tools", "mode": "auto"}},
        "tool_choice.tools",
    ),
    ({"store": "yes please"}, "store"),
    ({"background": True}, "background"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"conversation": {"id": "conv_1"}}, "conversation"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ({"moderation": {"model": "omni"}}, "moderation"),
    ({"context_management": [{"type": "compaction"}]}, "context_management"),
    ({"truncation": "always"}, "truncation"),
    ({"metadata": {"a": 1}}, "metadata"),
    ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
    ({"metadata": {"a": "b" * 513}}, "metadata"),
    ({"user": {"name": "me"}}, "user"),
    ({"stream_options": {"colour": 1}}, "stream_options.colour"),
    ({"messages": []}, "messages"),
    ({"temprature": 1}, "temprature"),
]


@pytest.mark.parametrize(("fields", "param"), WRONG, ids=lambda value: str(value)[:50])
def test_a_wrong_value_is_refused_where_it_stands(
    lookout: httpx.Client, fields: dict[str, Any], param: str
) -> None:
    reason = refused(lookout.post(PATH, json={"input": "hi", **fields}), 400, "bad_request", param)
    assert reason.startswith(f"{param}: ")


WRONG_PARTS: list[tuple[Any, str]] = [
    ("text", ""),
    (None, ""),
    ({}, ".type"),
    ({"type": "text", "text": "hi"}, ".type"),
    ({"type": "image_url", "image_url": "demo"}, ".type"),
    ({"type": "input_file", "file_url": "https://a/b"}, ".type"),
    ({"type": "input_audio"}, ".type"),
    ({"type": "input_text"}, ".text"),
    ({"type": "input_image"}, ".image_url"),
    ({"type": "input_image", "image_url": ""}, ".image_url"),
    ({"type": "input_image", "image_url": {"url": "demo"}}, ".image_url"),
    ({"type": "input_image", "file_id": "file-1"}, ".file_id"),
    ({"type": "input_image", "image_url": "demo", "detail": "4k"}, ".detail"),
    ({"type": "stream", "stream": {}}, ".stream.stream_id"),
]


@pytest.mark.parametrize(("part", "where"), WRONG_PARTS, ids=lambda value: str(value)[:50])
def test_a_wrong_part_is_refused_where_it_stands(
    lookout: httpx.Client, part: object, where: str
) -> None:
    answer = ask(lookout, [user(text("hi"), part)])
    refused(answer, 400, "bad_request", f"input[0].content[1]{where}")


def test_a_picture_that_cannot_be_had_is_named(lookout: httpx.Client) -> None:
    place = "input[0].content[1].image_url"
    for url, status, code in (
        ("data:image/png;base64,AAAA", 400, "bad_image"),
        ("camera://nowhere", 404, "camera_not_found"),
        ("sha256:" + "0" * 64, 400, "bad_request"),
    ):
        refused(ask(lookout, [user(text("?"), image(url))], instructions="x"), status, code, place)
    result = {"type": "function_call_output", "call_id": "c", "output": [image("camera://no")]}
    answer = ask(lookout, [CALL, result])
    refused(answer, 404, "camera_not_found", "input[1].output[0].image_url")


def test_too_many_pictures_are_refused(lookout: httpx.Client) -> None:
    answer = ask(lookout, [user(*[image("demo")] * 33)])
    refused(answer, 400, "bad_request", "input")


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff\xfe", b"[" * 100_000, b"\x00" * 1000, b'{"input": "\\ud83d"}', b"5", b""],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_request_is_refused(lookout: httpx.Client, body: bytes) -> None:
    answer = lookout.post(PATH, content=body, headers=JSON)
    refused(answer, 400, "bad_request", "input" if b"ud83d" in body else None)


@pytest.mark.parametrize(
    "schema",
    [
        '{"a":' * 900 + "1" + "}" * 900,
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        '{"enum": [' + "1," * 50_000 + "1]}",
    ],
    ids=lambda schema: schema[:20],
)
def test_a_hostile_schema_is_refused_where_it_stands(lookout: httpx.Client, schema: str) -> None:
    tool = f'{{"type": "function", "name": "a", "parameters": {schema}}}'
    answer = lookout.post(PATH, content=f'{{"input": "hi", "tools": [{tool}]}}', headers=JSON)
    refused(answer, 400, "bad_request", "tools[0].parameters")
    form = f'{{"type": "json_schema", "name": "a", "schema": {schema}}}'
    body = f'{{"input": "hi", "text": {{"format": {form}}}}}'
    answer = lookout.post(PATH, content=body, headers=JSON)
    refused(answer, 400, "bad_request", "text.format.schema")


def test_a_body_full_of_mistakes_is_refused_at_once(lookout: httpx.Client) -> None:
    millions = [0] * 300_000
    for body, param in (
        ({"input": millions}, "input[0]"),
        ({"input": [{"role": "user", "content": millions}]}, "input[0].content[0]"),
        ({"input": "hi", "tools": millions}, "tools[0]"),
        ({"input": "hi", "include": millions}, "include[0]"),
        ({"input": "hi", "metadata": dict.fromkeys(map(str, millions), 0)}, "metadata"),
        ({"input": "hi", "metadata": {str(n): 0 for n in range(100_000)}}, "metadata"),
        ({str(number): 0 for number in range(100_000)}, None),
    ):
        answer = lookout.post(PATH, json=body, timeout=5)
        refused(answer, 400, "bad_request", param)


def test_a_refusal_repeats_nothing_of_what_was_sent(lookout: httpx.Client) -> None:
    secret = "do-not-repeat-me"
    for fields in (
        {"input": [user({"type": "input_text", "text": secret, "more": secret})]},
        {"input": [user(image(f"rtsp://user:{secret}/@10.0.0.1/"))]},
        {"input": "hi", "temperature": secret},
        {"input": "hi", "metadata": {"a": [secret]}},
        {"input": "hi", "conversation": secret},
        {"input": "hi", "tools": [secret]},
    ):
        answer = lookout.post(PATH, content=json.dumps(fields), headers=JSON)
        assert answer.status_code == 400
        assert secret not in answer.text

"""What is asked and cannot be done is refused by name; what cannot matter is let through."""

import json

import httpx
import pytest

from tests.api.asking import refused
from tests.api.responses.asking import PATH, ask, image, text, user

JSON = {"content-type": "application/json"}

CALL = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}


@pytest.mark.parametrize("field", ["messages", "temprature", "x" * 5000, "größe"])
def test_an_unknown_field_is_refused_by_name(lookout: httpx.Client, field: str) -> None:
    reason = refused(ask(lookout, "hi", **{field: 1}), 400, "bad_request", field[:100])
    assert "not known" in reason


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

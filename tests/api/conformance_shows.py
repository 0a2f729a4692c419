"""Requests of a chat, and what shows in the answers of the echo engine."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from tests.api.asking import RED, data_url, file_of, seen, solid

Shows = Callable[[httpx.Response], bool]

WORDS = "one two three four"
WIDE = data_url(file_of(solid(width=1024, height=256)))
OPEN = {"type": "function", "function": {"name": "open_gate", "parameters": {"type": "object"}}}
SHUT = {"type": "function", "function": {"name": "shut_gate"}}
SCHEMA = {
    "type": "object",
    "properties": {"people": {"type": "integer"}},
    "required": ["people"],
    "additionalProperties": False,
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "open_gate", "arguments": "{}"}}
CALLING: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [CALL]}
TOLD = {"role": "tool", "tool_call_id": "call_1", "content": "It is open."}


def user(*content: object) -> dict[str, Any]:
    plain = len(content) == 1 and isinstance(content[0], str)
    return {"role": "user", "content": content[0] if plain else list(content)}


def talk(*messages: object) -> dict[str, Any]:
    return {"messages": list(messages)}


def part(**fields: object) -> dict[str, Any]:
    """A request whose message has one part."""
    return talk(user(fields))


def told(**fields: object) -> dict[str, Any]:
    """A request in which an assistant's message with *fields* comes before the question."""
    return talk({"role": "assistant", "content": "Hi.", **fields}, user(WORDS))


def call(**fields: object) -> dict[str, Any]:
    return talk(user("Open it."), {**CALLING, "tool_calls": [{**CALL, **fields}]}, TOLD)


def called(**fields: object) -> dict[str, Any]:
    return call(function={"name": "open_gate", "arguments": "{}", **fields})


def tool(**fields: object) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": "open_gate", **fields}}]}


def schema(**fields: object) -> dict[str, Any]:
    """A request for JSON, with the JSON that the echo engine then answers."""
    wanted = {"name": "scene", "schema": SCHEMA, **fields}
    form = {"type": "json_schema", "json_schema": wanted}
    return {**talk(user('{"people": 2}')), "response_format": form}


def allowed(mode: str, *names: str) -> dict[str, Any]:
    """A request that allows some of two tools."""
    chosen = [{"type": "function", "function": {"name": name}} for name in names]
    return {"tools": [OPEN, SHUT], "tool_choice": some(*chosen, mode=mode)}


def some(*tools: object, mode: str = "required") -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(tools)}}


def choices(answer: httpx.Response) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.json()["choices"]
    return found


def says(text: str) -> Shows:
    def shows(answer: httpx.Response) -> bool:
        return [one["message"]["content"] for one in choices(answer)] == [text]

    return shows


def ends(text: str, reason: str) -> Shows:
    def shows(answer: httpx.Response) -> bool:
        (one,) = choices(answer)
        return (one["message"]["content"], one["finish_reason"]) == (text, reason)

    return shows


def calls(*names: str) -> Shows:
    """Whether functions of these names are asked for, and nothing is said."""

    def shows(answer: httpx.Response) -> bool:
        (one,) = choices(answer)
        asked = one["message"].get("tool_calls", [])
        wanted = one["message"]["content"] is None and one["finish_reason"] == "tool_calls"
        return wanted and [each["function"]["name"] for each in asked] == list(names)

    return shows


def chunks(answer: httpx.Response) -> list[dict[str, Any]]:
    *events, end = answer.text.removesuffix("\n\n").split("\n\n")
    assert end == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events]


def sees(width: int, height: int) -> Shows:
    def shows(answer: httpx.Response) -> bool:
        return [(one.width, one.height, one.colour) for one in seen(answer)] == [
            (width, height, RED)
        ]

    return shows


def scored(answer: httpx.Response) -> bool:
    tokens = choices(answer)[0]["logprobs"]["content"]
    return [token["token"] for token in tokens] == ["one", " two", " three", " four"]


def counted(answer: httpx.Response) -> bool:
    *before, last = chunks(answer)
    usage = last["usage"]
    return all(chunk["usage"] is None for chunk in before) and usage["total_tokens"] == 8


def looked(frames: int) -> Shows:
    return lambda answer: len(answer.json()["lookout"]["frames"]) == frames


def stream_part(**fields: object) -> dict[str, Any]:
    return part(type="stream", stream={"stream_id": "demo", **fields})

"""What a request says of its answer reaches the worker as it was said."""

import asyncio
from typing import Any

import pytest

from api import sampling
from api.chat_request import ChatRequest
from bus.errors import BadJob
from bus.messages import Format, Sampling, Tool

GATE = {
    "name": "open_gate",
    "description": "Opens it.",
    "parameters": {"type": "object"},
    "strict": True,
}
TOOLS = [{"type": "function", "function": GATE}, {"type": "function", "function": {"name": "b"}}]
OPEN, OTHER = Tool("open_gate", "Opens it.", '{"type":"object"}', True), Tool("b")


def read(**fields: Any) -> Sampling:
    request = {"messages": [{"role": "user", "content": "hi"}], **fields}
    return asyncio.run(sampling.read(ChatRequest.model_validate(request)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 7}, {"max_tokens": 7}),
        ({"min_tokens": 3}, {"min_tokens": 3}),
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"top_p": 0.25}, {"top_p": 0.25}),
        ({"seed": -7}, {"seed": -7}),
        ({"stop": "a"}, {"stop": ("a",)}),
        ({"stop": ["a", "b"]}, {"stop": ("a", "b")}),
        (
            {"presence_penalty": 1, "frequency_penalty": -1},
            {"presence_penalty": 1.0, "frequency_penalty": -1.0},
        ),
        ({"logit_bias": {"5": 1, "007": -100}}, {"logit_bias": ((5, 1.0), (7, -100.0))}),
        ({"logprobs": True}, {"logprobs": 0}),
        ({"logprobs": True, "top_logprobs": 20}, {"logprobs": 20}),
        ({"logprobs": False}, {"logprobs": None}),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, {"format": Format()}),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": True},
                }
            },
            {"format": Format('{"type":"object"}', "a", True)},
        ),
        ({"tools": TOOLS}, {"tools": (OPEN, OTHER)}),
        ({"tools": TOOLS, "tool_choice": "none"}, {"tools": (OPEN, OTHER), "tool_choice": "none"}),
        (
            {"tools": TOOLS, "tool_choice": TOOLS[1], "parallel_tool_calls": False},
            {"tools": (OPEN, OTHER), "tool_choice": "function:b", "parallel_calls": False},
        ),
        (
            {
                "tools": TOOLS,
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "required", "tools": [TOOLS[1]]},
                },
            },
            {"tools": (OTHER,), "tool_choice": "required"},
        ),
    ],
    ids=str,
)
def test_every_field_reaches_the_worker(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert read(**fields) == Sampling(**{"max_tokens": sampling.DEFAULT_MAX_TOKENS, **expected})


def test_the_first_mistake_is_named_where_it_is() -> None:
    with pytest.raises(BadJob, match=r"^min_tokens: ") as raised:
        read(min_tokens=600)
    assert raised.value.param == "min_tokens"

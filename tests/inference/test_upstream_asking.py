"""What a server is asked for, in its own dialect, with pictures as data and never as addresses."""

import json
from typing import Any

import numpy as np
import pytest

from bus.errors import Unsupported
from bus.messages import Format, Sampling, Tool, ToolCall
from inference.engine import Turn
from inference.upstream.asking import body
from inference.upstream.endpoint import COMPATIBLE, MLC, OPENAI, VLLM, Dialect
from tests.conftest import Run
from tests.inference.contract import answered, scene
from tests.inference.upstream_server import Asked, connected, says

PLAIN = Sampling()
SCHEMA = '{"type": "object"}'
TOOLS = (Tool("look", "Looks.", '{"type":"object"}', strict=True), Tool("rest"))


def asked(dialect: Dialect, *turns: Turn, sampling: Sampling = PLAIN) -> dict[str, Any]:
    sent = body("m", dialect, turns or [Turn("user", ("hello",))], sampling, {})
    fields: dict[str, Any] = json.loads(sent)
    return fields


def test_nothing_is_asked_for_that_nobody_wanted() -> None:
    assert asked(OPENAI) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 256,
    }


def test_where_it_may_be_told_a_server_is_greedy_without_a_temperature() -> None:
    assert asked(VLLM)["temperature"] == 0
    assert asked(VLLM, sampling=Sampling(temperature=0.7))["temperature"] == 0.7
    assert "temperature" not in asked(OPENAI)


def test_everything_that_is_wanted_is_asked_for() -> None:
    sampling = Sampling(
        max_tokens=9,
        min_tokens=2,
        temperature=0.5,
        top_p=0.9,
        seed=7,
        stop=("a", "b"),
        presence_penalty=0.1,
        frequency_penalty=-0.2,
        logit_bias=((5, -100.0), (6, 1.5)),
        logprobs=3,
    )
    sent = asked(VLLM, sampling=sampling)
    assert {name: sent[name] for name in sent if name not in ("model", "messages", "stream")} == {
        "stream_options": {"include_usage": True},
        "max_tokens": 9,
        "min_tokens": 2,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["a", "b"],
        "presence_penalty": 0.1,
        "frequency_penalty": -0.2,
        "logit_bias": {"5": -100.0, "6": 1.5},
        "logprobs": True,
        "top_logprobs": 3,
    }


def test_logprobs_may_be_wanted_without_others() -> None:
    sent = asked(OPENAI, sampling=Sampling(logprobs=0))
    assert sent["logprobs"] is True
    assert "top_logprobs" not in sent


@pytest.mark.parametrize(
    ("dialect", "wanted", "sent"),
    [
        (OPENAI, Format(), {"type": "json_object"}),
        (
            OPENAI,
            Format(SCHEMA, "car", strict=True),
            {
                "type": "json_schema",
                "json_schema": {"name": "car", "schema": {"type": "object"}, "strict": True},
            },
        ),
        (
            VLLM,
            Format(SCHEMA),
            {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": {"type": "object"}},
            },
        ),
        (MLC, Format(SCHEMA, "car"), {"type": "json_object", "schema": SCHEMA}),
    ],
)
def test_json_is_asked_for_as_the_server_wants_it(
    dialect: Dialect, wanted: Format, sent: dict[str, Any]
) -> None:
    assert asked(dialect, sampling=Sampling(format=wanted))["response_format"] == sent


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", None),
        ("required", "required"),
        ("function:look", {"type": "function", "function": {"name": "look"}}),
    ],
)
def test_tools_are_offered(choice: str, sent: object) -> None:
    body = asked(OPENAI, sampling=Sampling(tools=TOOLS, tool_choice=choice, parallel_calls=False))
    look = {
        "name": "look",
        "description": "Looks.",
        "parameters": {"type": "object"},
        "strict": True,
    }
    assert body["tools"] == [
        {"type": "function", "function": look},
        {"type": "function", "function": {"name": "rest"}},
    ]
    assert body.get("tool_choice") == sent
    assert body["parallel_tool_calls"] is False


def test_tools_that_must_not_be_called_are_not_offered() -> None:
    assert "tools" not in asked(OPENAI, sampling=Sampling(tools=TOOLS, tool_choice="none"))


CALLED = (
    Turn("user", ("is it open?",)),
    Turn("assistant", (), calls=(ToolCall("c1", "look", '{"at":"gate"}'),)),
    Turn("tool", ('{"open":true}',), call_id="c1"),
)


def test_earlier_calls_of_tools_are_told() -> None:
    assert asked(VLLM, *CALLED)["messages"] == [
        {"role": "user", "content": "is it open?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "look", "arguments": '{"at":"gate"}'},
                }
            ],
        },
        {"role": "tool", "content": '{"open":true}', "tool_call_id": "c1"},
    ]


def test_what_a_server_wants_only_at_the_beginning_stands_there_once() -> None:
    turns = (
        Turn("user", ("hello", "you")),
        Turn("system", ("Be brief.",)),
        Turn("system", ("Be kind.",)),
    )
    assert asked(MLC, *turns)["messages"] == [
        {"role": "system", "content": "Be brief.\nBe kind."},
        {"role": "user", "content": "hello\nyou"},
    ]
    assert [m["role"] for m in asked(OPENAI, *turns)["messages"]] == ["user", "system", "system"]


@pytest.mark.parametrize(
    ("dialect", "turns", "sampling", "param"),
    [
        (COMPATIBLE, (), Sampling(min_tokens=3), "min_tokens"),
        (MLC, CALLED, Sampling(), "messages"),
        (MLC, (Turn("assistant", ("see", scene())),), Sampling(), "messages"),
    ],
)
def test_what_a_server_would_not_understand_is_refused(
    dialect: Dialect, turns: tuple[Turn, ...], sampling: Sampling, param: str
) -> None:
    with pytest.raises(Unsupported) as refused:
        asked(dialect, *turns, sampling=sampling)
    assert refused.value.param == param


def test_pictures_are_sent_in_their_order_and_size(run: Run) -> None:
    small, big = scene(1, 40, 30), scene(2, 800, 600)

    async def scenario() -> None:
        seen = await shown(Turn("user", (small, "before", big, "after", small)))
        parts = seen.body["messages"][0]["content"]
        assert [part["type"] for part in parts] == 2 * ["image_url", "text"] + ["image_url"]
        assert {name for part in parts for name in part.get("image_url", {})} <= {"url"}
        first, second, third = seen.pictures
        assert (first == small).all()  # what is tiny loses nothing
        assert (third == small).all()
        assert second.shape == (300, 400, 3)  # `max_side`
        assert abs(second.mean(axis=(0, 1)) - big.mean(axis=(0, 1))).max() < 2

    run(scenario())


def test_a_part_of_a_picture_is_sent_as_what_it_shows(run: Run) -> None:
    whole = scene(3, 60, 60)
    part = whole[10:50, 20:50][:, ::-1]

    async def scenario() -> None:
        seen = await shown(Turn("user", (part, "what is it?")))
        assert np.array_equal(seen.pictures[0], part)

    run(scenario())


async def shown(turn: Turn) -> Asked:
    async with connected(says("a cat"), max_side=400) as (engine, server):
        await answered(engine, [turn])
        return server.last

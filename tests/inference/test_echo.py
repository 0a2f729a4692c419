"""The engine without a model does all that a test of its callers needs."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Any, get_args

import msgspec
import numpy as np
import pytest

from bus.errors import BadSettings
from bus.messages import Delta, Finished, Format, Sampling, TokenScore, Tool
from inference.engine import Ability, Engine, Turn, engine_module
from inference.engines.echo import ABILITIES
from tests.conftest import Run

LOOK, COUNT = Tool("look"), Tool("count")
GREY = np.full((8, 8, 3), 90, np.uint8)


@asynccontextmanager
async def opened(url: str = "echo:") -> AsyncGenerator[Engine]:
    async with engine_module(url).open(url) as engine:
        yield engine


async def said(text: str, **sampling: Any) -> tuple[list[Delta], Finished]:
    deltas: list[Delta] = []
    async with opened() as engine:
        turns = [Turn("user", (GREY, text))]
        async with aclosing(engine.generate(turns, Sampling(**sampling))) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return deltas, event
                deltas.append(event)
    raise AssertionError("no last event")


def test_it_can_do_all_but_favour_tokens_unless_told_otherwise(run: Run) -> None:
    async def scenario() -> None:
        for query, able in (
            ("", ABILITIES),
            ("?can=", ABILITIES),
            ("?can=json,tools", {"json", "tools"}),
            ("?can=json+logprobs", {"json", "logprobs"}),
        ):
            async with opened(f"echo:{query}") as engine:
                assert engine.abilities == able
        assert set(get_args(Ability)) - ABILITIES == {"logit_bias"}
        with pytest.raises(BadSettings, match="'fly'"):
            async with opened("echo:?can=json,fly"):
                pass

    run(scenario())


@pytest.mark.parametrize("text", ['{"person": true, "count": 2}', "no JSON at all"])
def test_with_a_format_it_says_what_it_was_told_and_nothing_else(run: Run, text: str) -> None:
    async def scenario() -> None:
        deltas, last = await said(text, format=Format())
        assert "".join(delta.text for delta in deltas) == text
        assert last.reason == "stop"

    run(scenario())


def test_of_each_token_it_is_sure(run: Run) -> None:
    async def scenario() -> None:
        deltas, _ = await said("two wörds", logprobs=4)
        scores = [score for delta in deltas for score in delta.scores]
        assert [score.chosen.token for score in scores] == [delta.text for delta in deltas]
        assert b"".join(score.chosen.data for score in scores).decode().startswith("two wörds\n")
        assert {(score.chosen.logprob, score.others) for score in scores} == {(0.0, ())}
        assert all(not delta.scores for delta in (await said("two wörds"))[0])
        assert isinstance(scores[0], TokenScore)

    run(scenario())


@pytest.mark.parametrize(
    ("choice", "name"),
    [("required", "look"), ("function:look", "look"), ("function:count", "count")],
)
@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('{"camera": "front door"}', {"camera": "front door"}),
        ("is there a cat?", {"text": "is there a cat?"}),
        ("[1, 2]", {"text": "[1, 2]"}),
    ],
)
def test_it_calls_the_function_that_it_must(
    run: Run, choice: str, name: str, text: str, arguments: dict[str, str]
) -> None:
    async def scenario() -> None:
        deltas, last = await said(text, tools=(LOOK, COUNT), tool_choice=choice)
        calls = [call for delta in deltas for call in delta.calls]
        assert not any(delta.text for delta in deltas)
        assert (calls[0].name, last.reason) == (name, "tool_calls")
        assert msgspec.json.decode("".join(call.arguments for call in calls)) == arguments
        assert {call.index for call in calls} == {0}
        again = (await said(text, tools=(LOOK, COUNT), tool_choice=choice))[0]
        assert again[0].calls[0].id != calls[0].id

    run(scenario())


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_it_calls_nothing_of_its_own_accord(run: Run, choice: str) -> None:
    async def scenario() -> None:
        deltas, last = await said("hello", tools=(LOOK,), tool_choice=choice)
        assert deltas[0].text == "hello"
        assert last.reason == "stop"
        assert not any(delta.calls for delta in deltas)

    run(scenario())


def test_arguments_that_are_too_long_are_cut_and_said_to_be_so(run: Run) -> None:
    async def scenario() -> None:
        _, last = await said("a b c", tools=(LOOK,), tool_choice="required", max_tokens=1)
        assert (last.reason, last.completion_tokens) == ("length", 1)

    run(scenario())

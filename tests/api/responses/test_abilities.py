"""Functions, JSON and log-probabilities, as OpenAI's Responses API has them."""

import json
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel

from api.responses.blame import in_our_words
from bus.errors import BadImage, Unsupported
from bus.messages import Format, Sampling
from inference.abilities import check
from tests.api.asking import refused
from tests.api.responses.asking import answered, ask, events_of, said

SCHEMA = {
    "type": "object",
    "properties": {"open": {"type": "boolean"}},
    "required": ["open"],
    "additionalProperties": False,
}
TOOL: dict[str, Any] = {
    "type": "function",
    "name": "look",
    "description": "Looks again",
    "parameters": SCHEMA,
    "strict": True,
}
ONLY: dict[str, Any] = {"type": "function", "name": "look"}


class Gate(BaseModel):
    open: bool


def test_a_function_is_called_and_answered(client: openai.OpenAI) -> None:
    asked: Any = [{"role": "user", "content": '{"open": true}'}]
    tools: Any = [TOOL]
    answer = client.responses.create(model="echo", input=asked, tools=tools, tool_choice="required")
    (call,) = answer.output
    assert call.type == "function_call"
    assert (call.name, json.loads(call.arguments), call.status) == (
        "look",
        {"open": True},
        "completed",
    )
    assert call.id
    assert call.id.startswith("fc_")
    assert call.id != call.call_id
    assert answer.output_text == ""
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "closed"}
    made: Any = call
    by_hand = client.responses.create(model="echo", input=[*asked, made, result], tools=tools)
    kept = client.responses.create(
        model="echo", input=[result], previous_response_id=answer.id, tools=tools
    )
    for again in (by_hand, kept):
        assert again.output_text == '{"open": true}'
        assert again.usage
        assert again.usage.input_tokens == 3


def test_a_call_is_streamed_as_it_grows(client: openai.OpenAI) -> None:
    tools: Any = [TOOL]
    choice: Any = ONLY
    with client.responses.stream(
        model="echo", input='{"open": false}', tools=tools, tool_choice=choice
    ) as stream:
        events = list(stream)
        (call,) = stream.get_final_response().output
    pieces = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    assert len(pieces) > 1
    assert call.type == "function_call"
    assert "".join(pieces) == call.arguments == '{"open": false}'
    assert call.parsed_arguments == {"open": False}


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        ONLY,
        {"type": "allowed_tools", "mode": "required", "tools": [ONLY]},
    ],
)
def test_the_choice_of_a_function_is_kept_to_and_told_again(
    lookout: httpx.Client, choice: Any
) -> None:
    other = {**TOOL, "name": "other"}
    tools = [other, TOOL] if choice != "required" else [TOOL]
    answer = answered(ask(lookout, "hi", tools=tools, tool_choice=choice))
    assert [item["name"] for item in answer["output"]] == ["look"]
    assert answer["tools"] == tools
    assert answer["tool_choice"] == choice


def test_no_function_is_called_where_none_shall_be(lookout: httpx.Client) -> None:
    assert said(ask(lookout, "hi", tools=[TOOL], tool_choice="none")) == "hi"


def test_the_openai_client_parses_what_follows_its_schema(client: openai.OpenAI) -> None:
    parsed = client.responses.parse(model="echo", input='{"open": true}', text_format=Gate)
    assert parsed.output_parsed == Gate(open=True)
    with client.responses.stream(model="echo", input='{"open": false}', text_format=Gate) as stream:
        assert stream.get_final_response().output_parsed == Gate(open=False)


def test_the_format_is_told_again(lookout: httpx.Client) -> None:
    for form in (
        {"type": "json_schema", "name": "gate", "schema": SCHEMA, "strict": True},
        {"type": "json_object"},
    ):
        answer = answered(ask(lookout, '{"open": true}', text={"format": form}))
        assert answer["text"] == {"format": form}


def test_an_answer_that_is_not_in_its_format_is_no_answer(lookout: httpx.Client) -> None:
    form = {"type": "json_schema", "name": "gate", "schema": SCHEMA}
    for text in ("no JSON", '{"open": 5}'):
        answer = ask(lookout, text, text={"format": form})
        assert answer.status_code >= 500
        assert answer.json()["error"]["code"] == "invalid_output"
        streamed = ask(lookout, text, text={"format": form}, stream=True)
        assert events_of(streamed.text)[-1]["type"] == "response.failed"


def test_how_likely_tokens_were_is_told_where_it_is_wanted(client: openai.OpenAI) -> None:
    answer = client.responses.create(
        model="echo", input="one two", include=["message.output_text.logprobs"]
    )
    scores = logprobs_of(answer)
    assert [score["token"] for score in scores] == ["one", " two"]
    without = client.responses.create(model="echo", input="one two", top_logprobs=3)
    assert logprobs_of(without) == []


def logprobs_of(answer: Any) -> Any:
    return answer.to_dict()["output"][0]["content"][0]["logprobs"]


def test_what_an_engine_cannot_do_is_said_in_the_words_of_this_request() -> None:
    for sampling, param, words in (
        (Sampling(format=Format()), "text.format", "`text.format`"),
        (Sampling(logprobs=0), "include", "`include`"),
        (Sampling(logprobs=2), "include", "`include`"),
    ):
        with pytest.raises(Unsupported) as raised:
            check((), sampling)
        error = in_our_words(raised.value)
        assert isinstance(error, Unsupported)
        assert error.param == param
        assert words in str(error)


def test_other_errors_stay_as_they_are() -> None:
    error = BadImage("it has `messages` in it", param="input[0].content[1].image_url")
    assert in_our_words(error).param == "input[0].content[1].image_url"


def test_a_name_that_is_not_among_the_tools_is_refused(lookout: httpx.Client) -> None:
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{**ONLY, "name": "other"}]}
    answer = ask(lookout, "hi", tools=[TOOL], tool_choice=choice)
    refused(answer, 400, "bad_request", "tool_choice")

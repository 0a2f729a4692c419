"""Several answers, JSON, calls of functions, scores: as OpenAI's client asks and reads."""

import json
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from tests.api.asking import CHAT, ask, refused, said
from tests.api.conformance_shows import CALLING, OPEN, SHUT, TOLD, chunks, schema


class Scene(BaseModel):
    people: int
    doing: list[str] = []


class OpenGate(BaseModel):
    """Open the gate."""

    metres: float


SCENE = '{"people": 2, "doing": ["walking"]}'


def user(content: str) -> Any:
    return {"role": "user", "content": content}


def streamed(client: openai.OpenAI, text: str, **fields: Any) -> list[ChatCompletionChunk]:
    stream = client.chat.completions.create(
        model="echo", messages=[user(text)], stream=True, **fields
    )
    return list(stream)


def test_the_openai_client_parses_an_answer_into_a_class(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(
        model="echo", messages=[user(SCENE)], response_format=Scene
    )
    message = answer.choices[0].message
    assert message.parsed == Scene(people=2, doing=["walking"])
    sent_back = message.model_dump(warnings=False)  # with `parsed`, which the client adds
    messages: list[Any] = [user(SCENE), sent_back, user('{"people": 3, "doing": []}')]
    answer = client.chat.completions.parse(model="echo", messages=messages, response_format=Scene)
    assert answer.choices[0].message.parsed == Scene(people=3)


def test_the_openai_client_streams_an_answer_into_a_class(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="echo", messages=[user(SCENE)], response_format=Scene
    ) as stream:
        text = "".join(event.delta for event in stream if event.type == "content.delta")
        final = stream.get_final_completion()
    assert text == SCENE
    assert final.choices[0].message.parsed == Scene(people=2, doing=["walking"])


def test_the_openai_client_streams_the_scores_of_tokens(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="echo", messages=[user("one two")], logprobs=True
    ) as stream:
        final = stream.get_final_completion()
    logprobs = final.choices[0].logprobs
    assert logprobs
    assert logprobs.content
    assert [token.token for token in logprobs.content] == ["one", " two"]


def test_the_openai_client_streams_the_call_of_a_function(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="echo",
        messages=[user('{"metres": 2.5}')],
        tools=[openai.pydantic_function_tool(OpenGate)],
        tool_choice="required",
    ) as stream:
        final = stream.get_final_completion()
    (choice,) = final.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls
    assert choice.message.tool_calls[0].function.parsed_arguments == OpenGate(metres=2.5)


def test_a_conversation_goes_on_after_a_call(client: openai.OpenAI) -> None:
    tools: Any = [OPEN, SHUT]
    messages: list[Any] = [user('{"a": 1}')]
    answer = client.chat.completions.create(
        model="echo", messages=messages, tools=tools, tool_choice="required"
    )
    message = answer.choices[0].message
    assert message.tool_calls
    (call,) = message.tool_calls
    forms: list[Any] = [message, message.model_dump(), message.model_dump(exclude_none=True)]
    for sent_back in forms:
        told: Any = {"role": "tool", "tool_call_id": call.id, "content": "It is open."}
        answer = client.chat.completions.create(
            model="echo", messages=[*messages, sent_back, told, user("Thanks.")], tools=tools
        )
        assert answer.choices[0].message.content == "Thanks."


@pytest.mark.parametrize(
    "assistant",
    [
        CALLING,
        {**CALLING, "content": ""},
        {**CALLING, "content": []},
        {**CALLING, "content": "I open it.", "refusal": None, "annotations": []},
        {key: value for key, value in CALLING.items() if key != "content"},
        {**CALLING, "function_call": None, "audio": None},
        {**CALLING, "tool_calls": [{**CALLING["tool_calls"][0], "index": 0}]},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "tool",
    [
        TOLD,
        {**TOLD, "name": "open_gate"},
        {**TOLD, "content": [{"type": "text", "text": "It is open."}]},
    ],
    ids=str,
)
def test_calls_are_sent_back_as_clients_keep_them(
    lookout: httpx.Client, assistant: dict[str, Any], tool: dict[str, Any]
) -> None:
    messages = [user("Open it."), assistant, tool, user("Well?")]
    assert said(lookout.post(CHAT, json={"messages": messages, "tools": [OPEN]})) == "Well?"


def test_the_pieces_of_a_call_come_in_openais_order(client: openai.OpenAI) -> None:
    found = streamed(client, '{"a": 1, "b": 2}', tools=[OPEN], tool_choice="required")
    deltas = [chunk.choices[0].delta for chunk in found]
    assert (deltas[0].role, deltas[0].content) == ("assistant", None)
    pieces = [call for delta in deltas for call in delta.tool_calls or ()]
    assert pieces[0].id
    assert pieces[0].type == "function"
    assert pieces[0].function
    assert pieces[0].function.name == "open_gate"
    assert [(piece.index, piece.id, piece.type) for piece in pieces[1:]] == [
        (0, None, None) for _ in pieces[1:]
    ]
    arguments = "".join((piece.function and piece.function.arguments) or "" for piece in pieces)
    assert json.loads(arguments) == {"a": 1, "b": 2}
    assert found[-1].choices[0].finish_reason == "tool_calls"
    assert [delta.content for delta in deltas[1:]] == [None] * (len(deltas) - 1)


@pytest.mark.parametrize("n", [1, 2, 8])
def test_several_answers_each_have_their_place(client: openai.OpenAI, n: int) -> None:
    answer = client.chat.completions.create(model="echo", messages=[user("a b c")], n=n)
    assert [(one.index, one.message.content) for one in answer.choices] == [
        (index, "a b c") for index in range(n)
    ]
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 3 * n)


def test_several_answers_are_streamed_beside_each_other(lookout: httpx.Client) -> None:
    found = chunks(ask(lookout, "a b c", n=3, stream=True, stream_options={"include_usage": True}))
    *pieces, usage = found
    for index in range(3):
        own = [chunk for chunk in pieces if chunk["choices"][0]["index"] == index]
        deltas = [chunk["choices"][0]["delta"] for chunk in own]
        reasons = [chunk["choices"][0]["finish_reason"] for chunk in own]
        assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
        assert "".join(delta.get("content") or "" for delta in deltas) == "a b c"
        assert reasons == [None] * (len(own) - 1) + ["stop"]
    assert [index for index, chunk in enumerate(found) if "lookout" in chunk] == [len(found) - 2]
    assert pieces[-1]["choices"][0]["index"] == 2
    assert usage["usage"]["completion_tokens"] == 9


def test_json_is_what_was_asked_for_or_an_error(lookout: httpx.Client) -> None:
    assert json.loads(said(lookout.post(CHAT, json=schema()))) == {"people": 2}
    wrong = {**schema(), "messages": [user('{"people": "two"}')]}
    reason = refused(lookout.post(CHAT, json=wrong), 502, "invalid_output")
    assert "$.people" in reason
    assert "two" not in reason
    form = {"type": "json_object"}
    refused(ask(lookout, "no JSON", response_format=form), 502, "invalid_output")
    refused(ask(lookout, "no JSON", response_format=form, n=2), 502, "invalid_output")


def test_json_that_is_cut_off_is_sent_as_it_is(lookout: httpx.Client) -> None:
    answer = ask(
        lookout, '{"people": 2}', response_format=schema()["response_format"], max_tokens=1
    )
    assert said(answer) == '{"people":'
    assert answer.json()["choices"][0]["finish_reason"] == "length"


def test_a_stream_whose_json_is_wrong_ends_with_the_error(
    lookout: httpx.Client, client: openai.OpenAI
) -> None:
    form: Any = {"type": "json_object"}
    with pytest.raises(openai.APIError) as raised:
        streamed(client, "no JSON", response_format=form)
    assert raised.value.code == "invalid_output"
    text = ask(lookout, "no JSON", response_format=form, stream=True).text
    assert "[DONE]" not in text
    assert 'finish_reason":"stop' not in text


def test_what_failed_is_counted_by_its_code_and_once(lookout: httpx.Client) -> None:
    def count(outcome: str) -> float:
        line = f'lookout_chat_requests_total{{outcome="{outcome}"}} '
        lines = lookout.get("/metrics").text.splitlines()
        return sum(float(found.removeprefix(line)) for found in lines if found.startswith(line))

    for outcome, fields in (
        ("ok", {}),
        ("unsupported", {"logit_bias": {"5": 1}}),
        ("invalid_output", {"response_format": {"type": "json_object"}}),
        ("model_not_found", {"model": "gpt-4o"}),
    ):
        for stream in (False, True):
            before = count(outcome)
            ask(lookout, "hi", **fields, stream=stream)
            assert count(outcome) == before + 1


def test_what_only_the_engine_knows_is_refused_before_a_stream_begins(
    lookout: httpx.Client,
) -> None:
    for stream in (False, True):
        answer = ask(lookout, "hi", logit_bias={"5": 1}, stream=stream)
        refused(answer, 400, "unsupported", "logit_bias")

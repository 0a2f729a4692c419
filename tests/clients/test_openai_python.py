"""OpenAI's client for Python, as it is: chat completions and models."""

import asyncio
import json
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionToolUnionParam

from tests.api.asking import BLUE, GREEN, RED, data_url, file_of, image, solid
from tests.api.origin import Origin
from tests.clients.conftest import async_client
from tests.clients.saying import GATE, Gate, said, user
from tests.conftest import Run
from tests.stack import Stack

OPEN_GATE: ChatCompletionToolUnionParam = {
    "type": "function",
    "function": {
        "name": "open_gate",
        "description": "Open the gate for so many people.",
        "parameters": Gate.model_json_schema(),
    },
}


def create(client: openai.OpenAI, *content: Any, **fields: Any) -> Any:
    return client.chat.completions.create(model="echo", messages=[user(*content)], **fields)


def mean(colour: tuple[int, int, int]) -> str:
    return "mean RGB {} {} {}".format(*colour)


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["echo"]


def test_a_model_is_found_by_its_name(client: openai.OpenAI) -> None:
    model = client.models.retrieve("echo")
    assert (model.id, model.object) == ("echo", "model")
    assert model.created > 1_600_000_000


def test_a_model_that_is_not_there_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve("gpt-4o")
    assert raised.value.code == "model_not_found"


def test_a_question_is_answered(client: openai.OpenAI) -> None:
    answer = create(client, "Is the gate open?")
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.refusal is None
    assert answer.choices[0].message.tool_calls is None
    assert (said(answer), answer.choices[0].finish_reason) == ("Is the gate open?", "stop")


def test_usage_adds_up(client: openai.OpenAI) -> None:
    usage = create(client, "one two three").usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (3, 3, 6)


@pytest.mark.parametrize("role", ["system", "developer"])
def test_instructions_come_first(client: openai.OpenAI, role: str) -> None:
    messages: Any = [{"role": role, "content": "Be brief."}, user("Well?")]
    answer = client.chat.completions.create(model="echo", messages=messages)
    assert said(answer) == "Well?"
    assert answer.usage
    assert answer.usage.prompt_tokens == 3


def test_a_conversation_goes_on_with_the_clients_own_message(client: openai.OpenAI) -> None:
    messages = [user("What is there?")]
    messages.append(client.chat.completions.create(model="echo", messages=messages).choices[0])
    messages[-1] = messages[-1].message
    messages.append(user("And now?"))
    assert said(client.chat.completions.create(model="echo", messages=messages)) == "And now?"


def test_a_name_in_a_message_does_no_harm(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Hello", "name": "kitchen"}]
    assert said(client.chat.completions.create(model="echo", messages=messages)) == "Hello"


def test_a_stream_is_text_that_adds_up(client: openai.OpenAI) -> None:
    chunks = list(create(client, "one two three", stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(texts) == "one two three"
    assert len([text for text in texts if text]) >= 1


def test_a_stream_ends_with_its_reason(client: openai.OpenAI) -> None:
    *chunks, last = create(client, "one two three", stream=True, max_tokens=2)
    assert last.choices[0].finish_reason == "length"
    assert {chunk.choices[0].finish_reason for chunk in chunks} == {None}


def test_a_stream_tells_its_usage_last(client: openai.OpenAI) -> None:
    options = {"include_usage": True}
    *chunks, last = create(client, "one two three", stream=True, stream_options=options)
    assert last.choices == []
    assert last.usage.total_tokens == 6
    assert {chunk.usage for chunk in chunks} == {None}


def test_the_stream_helper_tells_what_happens(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="echo", messages=[user("one two")]) as stream:
        events = list(stream)
        answer = stream.get_final_completion()
    kinds = [event.type for event in events]
    assert kinds[0] == "chunk"
    assert "content.delta" in kinds
    (done,) = [event for event in events if event.type == "content.done"]
    assert done.content == "one two"
    assert answer.choices[0].message.content == "one two"
    assert answer.choices[0].finish_reason == "stop"


def test_an_answer_is_parsed_into_a_model(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(
        model="echo", messages=[user(GATE)], response_format=Gate
    )
    assert answer.choices[0].message.parsed == Gate(open=True, people=2)


def test_the_stream_helper_parses_into_a_model(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="echo", messages=[user(GATE)], response_format=Gate
    ) as stream:
        answer = stream.get_final_completion()
    assert answer.choices[0].message.parsed == Gate(open=True, people=2)


def test_half_a_parsed_answer_is_an_error_of_the_client(client: openai.OpenAI) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(
            model="echo", messages=[user(GATE)], response_format=Gate, max_tokens=2
        )


def test_json_is_json(client: openai.OpenAI) -> None:
    answer = create(client, GATE, response_format={"type": "json_object"})
    assert json.loads(said(answer)) == {"open": True, "people": 2}


def test_a_schema_may_be_written_by_hand(client: openai.OpenAI) -> None:
    schema = {"name": "gate", "schema": Gate.model_json_schema(), "strict": True}
    answer = create(client, GATE, response_format={"type": "json_schema", "json_schema": schema})
    assert Gate.model_validate_json(said(answer)).open


def test_an_answer_about_a_camera_is_parsed_too(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(
        model="echo", messages=[user(image("demo"), GATE)], response_format=Gate
    )
    assert answer.choices[0].message.parsed == Gate(open=True, people=2)


def test_several_pictures_keep_their_order(client: openai.OpenAI) -> None:
    colours = (GREEN, RED, BLUE, RED)
    pictures = [image(data_url(file_of(solid(colour)))) for colour in colours]
    asked, *lines = said(create(client, *pictures, "Which is red?")).splitlines()
    assert asked == "Which is red?"
    for line, colour in zip(lines, colours, strict=True):
        assert line.endswith(f"{mean(colour)}]")


@pytest.mark.parametrize(("kind", "format"), [("image/png", "PNG"), ("image/jpeg", "JPEG")])
def test_a_picture_may_come_along(client: openai.OpenAI, kind: str, format: str) -> None:
    url = data_url(file_of(solid(width=80), format), kind)
    assert "[image 1: 80x48 mean RGB" in said(create(client, image(url), "What is it?"))


def test_a_picture_may_lie_on_a_web_server(client: openai.OpenAI, origin: Origin) -> None:
    answer = create(client, image(origin.url("picture")), "What is it?")
    assert mean(GREEN) in said(answer)


@pytest.mark.parametrize("url", ["demo", "camera://demo", "demo:?size=320x180&fps=5"])
def test_a_camera_may_stand_where_a_picture_stands(client: openai.OpenAI, url: str) -> None:
    answer = create(client, image(url), "What do you see?")
    assert said(answer).count("[image ") == 1
    assert len(answer.model_extra["lookout"]["frames"]) == 1


def test_a_camera_may_give_several_frames(client: openai.OpenAI) -> None:
    answer = create(client, image("demo?frames=3&span=1s"), "What moves?")
    assert said(answer).count("[image ") == 3
    frames = answer.model_extra["lookout"]["frames"]
    assert [frame["seq"] for frame in frames] == sorted(frame["seq"] for frame in frames)


def test_low_detail_is_a_small_picture(client: openai.OpenAI) -> None:
    url = data_url(file_of(solid(width=1600, height=900)))
    low = {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
    high = {"type": "image_url", "image_url": {"url": url, "detail": "high"}}
    assert ": 512x288 mean" in said(create(client, low, "What is it?"))
    assert ": 1600x900 mean" in said(create(client, high, "What is it?"))


def test_several_answers_are_numbered(client: openai.OpenAI) -> None:
    answer = create(client, "one two", n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert [choice.message.content for choice in answer.choices] == ["one two"] * 3
    assert answer.usage.completion_tokens == 6


def test_several_answers_are_streamed_side_by_side(client: openai.OpenAI) -> None:
    texts = ["", ""]
    ends: list[str | None] = [None, None]
    for chunk in create(client, "one two", n=2, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            ends[choice.index] = choice.finish_reason or ends[choice.index]
    assert (texts, ends) == (["one two"] * 2, ["stop"] * 2)


def test_each_token_may_say_how_likely_it_was(client: openai.OpenAI) -> None:
    answer = create(client, "one two", logprobs=True, top_logprobs=2)
    tokens = answer.choices[0].logprobs.content
    assert "".join(token.token for token in tokens) == "one two"
    assert all(token.logprob <= 0 for token in tokens)
    assert all(bytes(token.bytes).decode() == token.token for token in tokens)
    assert all(len(token.top_logprobs) <= 2 for token in tokens)


def test_nobody_is_told_how_likely_unless_he_asks(client: openai.OpenAI) -> None:
    assert create(client, "one two").choices[0].logprobs is None


def test_a_stream_may_say_how_likely_its_tokens_were(client: openai.OpenAI) -> None:
    chunks = list(create(client, "one two", stream=True, logprobs=True))
    scores = [chunk.choices[0].logprobs for chunk in chunks if chunk.choices[0].logprobs]
    tokens = [token.token for score in scores for token in score.content or []]
    assert "".join(tokens) == "one two"


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": 7},
        {"temperature": 0},
        {"temperature": 1.5, "top_p": 0.9},
        {"presence_penalty": 0.5, "frequency_penalty": -0.5},
        {"user": "somebody", "store": False, "metadata": {"run": "1"}},
        {"service_tier": "auto", "parallel_tool_calls": True, "reasoning_effort": "low"},
        {"safety_identifier": "x", "prompt_cache_key": "y", "verbosity": "low"},
    ],
    ids="-".join,
)
def test_what_clients_like_to_send_is_taken(client: openai.OpenAI, fields: dict[str, Any]) -> None:
    if "parallel_tool_calls" in fields:
        fields = {**fields, "tools": [OPEN_GATE], "tool_choice": "none"}
    assert said(create(client, "one two", **fields)) == "one two"


@pytest.mark.parametrize("stop", [" two", [" four", " two"]])
def test_stop_ends_the_answer(client: openai.OpenAI, stop: object) -> None:
    answer = create(client, "one two three", stop=stop)
    assert (said(answer), answer.choices[0].finish_reason) == ("one", "stop")


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_an_answer_is_cut_at_its_length(client: openai.OpenAI, field: str) -> None:
    answer = create(client, "one two three", **{field: 2})
    assert (said(answer), answer.choices[0].finish_reason) == ("one two", "length")


def test_a_tool_is_called_and_its_result_sent_back(client: openai.OpenAI) -> None:
    messages = [user(GATE)]
    answer = client.chat.completions.create(
        model="echo", messages=messages, tools=[OPEN_GATE], tool_choice="required"
    )
    (choice,) = answer.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls
    call: Any = choice.message.tool_calls[0]
    assert (call.type, call.function.name) == ("function", "open_gate")
    assert json.loads(call.function.arguments) == {"open": True, "people": 2}
    result = {"role": "tool", "tool_call_id": call.id, "content": "It is open."}
    messages += [choice.message, result, user("Thank you")]
    answer = client.chat.completions.create(model="echo", messages=messages, tools=[OPEN_GATE])
    assert said(answer) == "Thank you"


def test_a_tool_may_be_called_by_its_name(client: openai.OpenAI) -> None:
    choice = {"type": "function", "function": {"name": "open_gate"}}
    answer = create(client, GATE, tools=[OPEN_GATE], tool_choice=choice)
    assert answer.choices[0].message.tool_calls[0].function.name == "open_gate"


def test_no_tool_is_called_where_none_shall_be(client: openai.OpenAI) -> None:
    answer = create(client, GATE, tools=[OPEN_GATE], tool_choice="none")
    assert answer.choices[0].message.tool_calls is None
    assert said(answer) == GATE


def test_a_call_is_streamed(client: openai.OpenAI) -> None:
    name, arguments, reason = "", "", None
    for chunk in create(client, GATE, tools=[OPEN_GATE], tool_choice="required", stream=True):
        for call in chunk.choices[0].delta.tool_calls or []:
            name += call.function.name or ""
            arguments += call.function.arguments or ""
        reason = chunk.choices[0].finish_reason or reason
    assert (name, reason) == ("open_gate", "tool_calls")
    assert json.loads(arguments) == {"open": True, "people": 2}


def test_the_arguments_of_a_call_are_parsed(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(
        model="echo",
        messages=[user(GATE)],
        tools=[openai.pydantic_function_tool(Gate, name="open_gate")],
        tool_choice="required",
    )
    calls = answer.choices[0].message.tool_calls
    assert calls
    assert calls[0].function.parsed_arguments == Gate(open=True, people=2)


def test_the_raw_answer_has_its_headers(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="echo", messages=[user("Hi")])
    assert raw.headers["content-type"] == "application/json"
    assert raw.request_id == raw.headers["x-request-id"]
    answer = raw.parse()
    assert said(answer) == "Hi"
    assert answer._request_id == raw.request_id  # where OpenAI's documents say it is


def test_a_request_may_bring_its_id(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="echo", messages=[user("Hi")], extra_headers={"X-Request-ID": "ring-17"}
    )
    assert raw.request_id == "ring-17"


def test_the_body_may_be_read_as_it_comes(client: openai.OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(
        model="echo", messages=[user("one two")]
    ) as response:
        assert response.status_code == 200
        assert json.loads(b"".join(response.iter_bytes()))["object"] == "chat.completion"


def test_a_stream_may_be_read_line_by_line(client: openai.OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(
        model="echo", messages=[user("one two")], stream=True
    ) as response:
        lines = [line for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert all(line.startswith("data: ") for line in lines)


def test_fifty_questions_at_once_each_get_their_own_answer(echo_stack: Stack, run: Run) -> None:
    async def ask() -> None:
        async with async_client(echo_stack.url) as client:
            answers = await asyncio.gather(
                *(
                    client.chat.completions.create(model="echo", messages=[user(f"I am {number}")])
                    for number in range(50)
                )
            )
        assert [said(answer) for answer in answers] == [f"I am {number}" for number in range(50)]

    run(ask())


def test_the_asynchronous_client_streams(echo_stack: Stack, run: Run) -> None:
    async def ask() -> None:
        async with async_client(echo_stack.url) as client:
            stream = await client.chat.completions.create(
                model="echo", messages=[user(image("demo"), "one two")], stream=True
            )
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            assert text.startswith("one two\n[image 1: 1280x720")
            async with client.chat.completions.stream(
                model="echo", messages=[user(GATE)], response_format=Gate
            ) as events:
                answer = await events.get_final_completion()
            assert answer.choices[0].message.parsed == Gate(open=True, people=2)

    run(ask())

"""OpenAI's client for Python, as it is: the Responses API."""

import asyncio
import json
from typing import Any

import openai
import pytest
from openai.types.responses import FunctionToolParam, Response

from tests.api.asking import BLUE, RED, data_url, file_of, solid
from tests.api.origin import Origin
from tests.clients.conftest import async_client
from tests.clients.saying import GATE, Gate
from tests.conftest import Run
from tests.stack import Stack

OPEN_GATE: FunctionToolParam = {
    "type": "function",
    "name": "open_gate",
    "description": "Open the gate for so many people.",
    "parameters": Gate.model_json_schema(),
    "strict": False,
}


def respond(client: openai.OpenAI, asked: Any, **fields: Any) -> Response:
    answer: Response = client.responses.create(model="echo", input=asked, **fields)
    return answer


def message(*content: Any, role: str = "user") -> Any:
    parts = [{"type": "input_text", "text": c} if isinstance(c, str) else c for c in content]
    return {"role": role, "content": parts}


def picture(url: str, detail: str = "auto") -> dict[str, str]:
    return {"type": "input_image", "image_url": url, "detail": detail}


def test_a_string_is_answered(client: openai.OpenAI) -> None:
    answer = respond(client, "Is the gate open?")
    assert answer.output_text == "Is the gate open?"
    assert (answer.object, answer.status, answer.error) == ("response", "completed", None)
    assert answer.id.startswith("resp_")
    assert answer.model == "echo"


def test_usage_adds_up(client: openai.OpenAI) -> None:
    usage = respond(client, "one two three").usage
    assert usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (3, 3, 6)
    assert usage.input_tokens_details.cached_tokens == 0
    assert usage.output_tokens_details.reasoning_tokens == 0


def test_the_answer_is_a_message_of_the_assistant(client: openai.OpenAI) -> None:
    (item,) = respond(client, [message("Hello")]).output
    assert item.type == "message"
    assert (item.role, item.status) == ("assistant", "completed")
    (part,) = item.content
    assert part.type == "output_text"
    assert (part.text, part.annotations) == ("Hello", [])


def test_instructions_are_read(client: openai.OpenAI) -> None:
    answer = respond(client, "Well?", instructions="Be very brief.")
    assert answer.output_text == "Well?"
    assert answer.instructions == "Be very brief."
    assert answer.usage
    assert answer.usage.input_tokens == 4


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_message_may_be_instructions(client: openai.OpenAI, role: str) -> None:
    asked = [message("Be brief.", role=role), {"role": "user", "content": "Well?"}]
    assert respond(client, asked).output_text == "Well?"


def test_a_conversation_goes_on_from_an_answer(client: openai.OpenAI) -> None:
    first = respond(client, "one two three")
    second = respond(client, "four", previous_response_id=first.id)
    assert second.output_text == "four"
    assert second.previous_response_id == first.id
    assert second.usage
    assert second.usage.input_tokens == 7  # the question, its answer and the next question


def test_a_conversation_may_be_sent_back_as_it_was(client: openai.OpenAI) -> None:
    asked: list[Any] = [{"role": "user", "content": "one two"}]
    asked += respond(client, asked).output
    asked += [message("three")]
    answer = respond(client, asked)
    assert answer.output_text == "three"
    assert answer.usage
    assert answer.usage.input_tokens == 5


def test_an_answer_is_kept_and_may_be_deleted(client: openai.OpenAI) -> None:
    answer = respond(client, "Remember me")
    assert client.responses.retrieve(answer.id).output_text == "Remember me"
    client.responses.delete(answer.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(answer.id)


def test_what_was_asked_may_be_read_again(client: openai.OpenAI) -> None:
    answer = respond(client, "Remember me")
    (item,) = client.responses.input_items.list(answer.id)
    assert item.type == "message"


def test_an_answer_that_shall_not_be_kept_is_not(client: openai.OpenAI) -> None:
    answer = respond(client, "Forget me", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(answer.id)


@pytest.mark.parametrize("url", ["demo", "camera://demo", "demo:?size=320x180&fps=5"])
def test_a_camera_may_stand_where_a_picture_stands(client: openai.OpenAI, url: str) -> None:
    answer = respond(client, [message("What do you see?", picture(url))])
    assert answer.output_text.count("[image ") == 1


def test_pictures_keep_their_order(client: openai.OpenAI, origin: Origin) -> None:
    red, blue = (data_url(file_of(solid(colour))) for colour in (RED, BLUE))
    asked = [message(picture(blue), picture(origin.url("picture")), picture(red), "Which?")]
    lines = respond(client, asked).output_text.splitlines()
    assert [line.split("RGB ")[1][:-1] for line in lines[1:]] == [
        *("10 50 220", "20 180 60", "200 30 40")
    ]


def test_low_detail_is_a_small_picture(client: openai.OpenAI) -> None:
    url = data_url(file_of(solid(width=1600, height=900)))
    answer = respond(client, [message("What is it?", picture(url, "low"))])
    assert ": 512x288 mean" in answer.output_text


def test_a_response_is_streamed_in_order(client: openai.OpenAI) -> None:
    events: list[Any] = list(
        client.responses.create(model="echo", input="one two three", stream=True)
    )
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        *("response.created", "response.in_progress"),
        *("response.output_item.added", "response.content_part.added"),
    ]
    assert kinds[-4:] == [
        *("response.output_text.done", "response.content_part.done"),
        *("response.output_item.done", "response.completed"),
    ]
    assert set(kinds[4:-4]) == {"response.output_text.delta"}
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events[4:-4]) == "one two three"
    assert events[-1].response.output_text == "one two three"
    assert events[-1].response.usage.total_tokens == 6


def test_the_stream_helper_gathers_the_answer(client: openai.OpenAI) -> None:
    with client.responses.stream(model="echo", input="one two") as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_response()
    assert "response.output_text.delta" in kinds
    assert answer.output_text == "one two"


def test_a_response_is_parsed_into_a_model(client: openai.OpenAI) -> None:
    answer = client.responses.parse(model="echo", input=GATE, text_format=Gate)
    assert answer.output_parsed == Gate(open=True, people=2)


def test_a_streamed_response_is_parsed_too(client: openai.OpenAI) -> None:
    with client.responses.stream(model="echo", input=GATE, text_format=Gate) as stream:
        answer = stream.get_final_response()
    assert answer.output_parsed == Gate(open=True, people=2)


def test_json_is_json(client: openai.OpenAI) -> None:
    answer = respond(client, GATE, text={"format": {"type": "json_object"}})
    assert json.loads(answer.output_text) == {"open": True, "people": 2}


def test_an_answer_is_cut_at_its_length(client: openai.OpenAI) -> None:
    answer = respond(client, "one two three", max_output_tokens=2)
    assert answer.status == "incomplete"
    assert answer.incomplete_details
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.output_text == "one two"


def test_each_token_may_say_how_likely_it_was(client: openai.OpenAI) -> None:
    answer = respond(client, "one two", include=["message.output_text.logprobs"], top_logprobs=2)
    item: Any = answer.output[0]
    assert "".join(token.token for token in item.content[0].logprobs) == "one two"


def test_a_function_is_called_and_its_result_sent_back(client: openai.OpenAI) -> None:
    asked: list[Any] = [{"role": "user", "content": GATE}]
    answer = respond(client, asked, tools=[OPEN_GATE], tool_choice="required")
    (call,) = answer.output
    assert call.type == "function_call"
    assert (call.name, call.status) == ("open_gate", "completed")
    assert json.loads(call.arguments) == {"open": True, "people": 2}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "It is open."}
    asked += [*answer.output, result, {"role": "user", "content": "Thank you"}]
    assert respond(client, asked, tools=[OPEN_GATE]).output_text == "Thank you"


def test_the_result_of_a_call_may_go_on_from_the_answer(client: openai.OpenAI) -> None:
    choice = {"type": "function", "name": "open_gate"}
    answer = respond(client, GATE, tools=[OPEN_GATE], tool_choice=choice)
    (call,) = answer.output
    assert call.type == "function_call"
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "It is open."}
    later = respond(client, [result, message("Thank you")], previous_response_id=answer.id)
    assert later.output_text == "Thank you"


def test_a_call_is_streamed(client: openai.OpenAI) -> None:
    events: list[Any] = list(
        client.responses.create(
            model="echo", input=GATE, tools=[OPEN_GATE], tool_choice="required", stream=True
        )
    )
    deltas = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    assert json.loads("".join(deltas)) == {"open": True, "people": 2}
    (done,) = [e for e in events if e.type == "response.function_call_arguments.done"]
    assert json.loads(done.arguments) == {"open": True, "people": 2}
    assert events[-1].response.output[0].name == "open_gate"


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0.5, "top_p": 0.9},
        {"metadata": {"run": "1"}, "user": "somebody", "service_tier": "auto"},
        {"truncation": "auto", "parallel_tool_calls": True, "safety_identifier": "x"},
        {"reasoning": {"effort": "low"}, "text": {"verbosity": "low"}},
        {"background": False, "prompt_cache_key": "y", "max_tool_calls": 3},
    ],
    ids="-".join,
)
def test_what_clients_like_to_send_is_taken(client: openai.OpenAI, fields: dict[str, Any]) -> None:
    assert respond(client, "one two", **fields).output_text == "one two"


def test_metadata_comes_back(client: openai.OpenAI) -> None:
    assert respond(client, "one two", metadata={"run": "1"}).metadata == {"run": "1"}


WRONG: list[tuple[dict[str, Any], type[openai.APIStatusError], str]] = [
    ({"model": "gpt-4o"}, openai.NotFoundError, "model"),
    ({"temperature": 3}, openai.BadRequestError, "temperature"),
    ({"max_output_tokens": 0}, openai.BadRequestError, "max_output_tokens"),
    ({"tools": [{"type": "web_search"}]}, openai.BadRequestError, "tools[0].type"),
    ({"input": [{"role": "king", "content": "Hi"}]}, openai.BadRequestError, "input[0].role"),
]


@pytest.mark.parametrize(("fields", "kind", "param"), WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_refused_where_it_stands(
    client: openai.OpenAI, fields: Any, kind: type[openai.APIStatusError], param: str
) -> None:
    with pytest.raises(kind) as raised:
        client.responses.create(**{"model": "echo", "input": "Hi", **fields})
    assert raised.value.param == param


def test_an_unknown_answer_cannot_go_on(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        respond(client, "Hi", previous_response_id="resp_nothing")
    assert raised.value.code == "previous_response_not_found"
    assert raised.value.param == "previous_response_id"
    assert raised.value.status_code in (400, 404)


def test_an_unknown_camera_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        respond(client, [message("Hi", picture("camera://attic"))])
    assert raised.value.code == "camera_not_found"


def test_the_asynchronous_client_answers_and_streams(echo_stack: Stack, run: Run) -> None:
    async def ask() -> None:
        async with async_client(echo_stack.url) as client:
            answers = await asyncio.gather(
                *(client.responses.create(model="echo", input=f"I am {i}") for i in range(20))
            )
            assert [answer.output_text for answer in answers] == [f"I am {i}" for i in range(20)]
            async with client.responses.stream(
                model="echo", input=GATE, text_format=Gate
            ) as stream:
                answer = await stream.get_final_response()
            assert answer.output_parsed == Gate(open=True, people=2)

    run(ask())

"""What a client of OpenAI's chat API gets here: answers, streams, models."""

import json
from time import monotonic
from typing import Any

import httpx
import openai
import pytest

from tests.api.asking import CHAT, ask, refused, said
from tests.api.conftest import Tight, openai_client

ALIASES = [CHAT, "/v1/chat/completion", "/api/v1/chat/completions", "/api/v1/chat/completion"]


def user(content: Any) -> Any:
    return {"role": "user", "content": content}


def test_the_openai_client_reads_an_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="echo", messages=[user("Is the gate open?")])
    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert answer.model == "echo"
    (choice,) = answer.choices
    assert (choice.index, choice.finish_reason) == (0, "stop")
    assert choice.message.role == "assistant"
    assert choice.message.content == "Is the gate open?"
    assert answer.usage
    assert answer.usage.prompt_tokens == 4
    assert answer.usage.completion_tokens == 4
    assert answer.usage.total_tokens == 8


def test_the_openai_client_reads_a_stream(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="echo", messages=[user("one two three")], stream=True
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    texts = [choice.delta.content for chunk in chunks for choice in chunk.choices]
    assert "".join(text or "" for text in texts) == "one two three"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_tells_the_usage_last_and_only_if_asked(client: openai.OpenAI) -> None:
    *chunks, last = client.chat.completions.create(
        model="echo",
        messages=[user("one two three")],
        stream=True,
        stream_options={"include_usage": True},
    )
    assert last.choices == []
    assert last.usage
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (3, 3)
    assert all(chunk.usage is None for chunk in chunks)
    assert all("usage" in chunk.model_fields_set for chunk in chunks)


def test_on_the_wire_a_stream_is_server_sent_events_that_end_with_done(
    lookout: httpx.Client,
) -> None:
    answer = ask(lookout, "hello there", stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *events, end = answer.text.removesuffix("\n\n").split("\n\n")
    assert end == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    start = {"role": "assistant", "content": "", "refusal": None}
    assert chunks[0]["choices"][0]["delta"] == start
    assert chunks[-1]["choices"][0]["delta"] == {}
    assert "total" in chunks[-1]["lookout"]["timings_ms"]


def test_the_first_words_come_long_before_the_last(tight: Tight) -> None:
    words, began = " ".join(map(str, range(40))), monotonic()
    with openai_client(tight.stack.url) as client:
        stream = client.chat.completions.create(model="slow", messages=[user(words)], stream=True)
        times = [monotonic() - began for chunk in stream if chunk.choices[0].delta.content]
    assert len(times) >= 10
    assert times[0] < times[-1] / 3


def test_every_path_of_old_gives_the_same_answer(lookout: httpx.Client) -> None:
    body = {"messages": [user("the same")]}
    answers = [lookout.post(path, json=body).json() for path in ALIASES]
    for answer in answers:
        for what_differs in ("id", "created", "lookout"):
            del answer[what_differs]
    assert answers == [answers[0]] * len(ALIASES)


@pytest.mark.parametrize(
    "content",
    [
        "plain",
        [{"type": "text", "text": "plain"}],
        [{"type": "text", "text": ""}, {"type": "text", "text": "plain"}],
    ],
)
def test_content_is_a_string_or_parts(lookout: httpx.Client, content: object) -> None:
    answer = lookout.post(CHAT, json={"messages": [user(content)]})
    assert said(answer).strip() == "plain"


@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.parametrize("content", ["Be brief.", [{"type": "text", "text": "Be brief."}]])
def test_instructions_come_as_system_or_developer(
    lookout: httpx.Client, role: str, content: object
) -> None:
    messages = [{"role": role, "content": content}, user("Well?")]
    answer = lookout.post(CHAT, json={"messages": messages})
    assert said(answer) == "Well?"
    assert answer.json()["usage"]["prompt_tokens"] == 3


def test_a_conversation_goes_on_with_the_answer_as_the_client_got_it(
    client: openai.OpenAI,
) -> None:
    messages: list[Any] = [user("What is there?")]
    answer = client.chat.completions.create(model="echo", messages=messages)
    messages += [answer.choices[0].message, user("And now?")]
    answer = client.chat.completions.create(model="echo", messages=messages)
    assert answer.choices[0].message.content == "And now?"
    messages += [answer.choices[0].message.model_dump(), user("Still?")]
    answer = client.chat.completions.create(model="echo", messages=messages)
    assert answer.choices[0].message.content == "Still?"


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines\r\n\r\nand a tab\t, then blanks  ",
        "emoji 👩‍👩‍👧‍👦 🏳️‍🌈, Ελληνικά, 漢字, עברית",
        "a NUL \x00 and an escape \x1b[31m",
        "a line separator \u2028 and a paragraph \u2029",
        "data: [DONE]\n\ndata: not a real event\n\n",
        '{"role": "system"} </s><|im_end|>',
    ],
)
def test_text_passes_unchanged(lookout: httpx.Client, client: openai.OpenAI, text: str) -> None:
    assert said(ask(lookout, text)) == text
    stream = client.chat.completions.create(model="echo", messages=[user(text)], stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == text


def test_a_very_long_text_passes_and_a_longer_one_is_refused(lookout: httpx.Client) -> None:
    text = "🐈" * 1_000_000
    assert said(ask(lookout, text)) == text
    refused(ask(lookout, text + "!"), 400, "bad_request", "messages[0].content")


def test_max_tokens_cut_the_answer_exactly(lookout: httpx.Client) -> None:
    for field in ("max_tokens", "max_completion_tokens"):
        answer = ask(lookout, "one two three four", **{field: 3})
        assert said(answer) == "one two three"
        assert answer.json()["choices"][0]["finish_reason"] == "length"
        assert answer.json()["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize("stop", ["three", ["nowhere", " three"]])
def test_stop_ends_the_answer(lookout: httpx.Client, stop: object) -> None:
    answer = ask(lookout, "one two three four", stop=stop)
    assert said(answer).strip() == "one two"
    assert answer.json()["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("model", ["echo", "default", "", None])
def test_the_model_may_be_named_or_left_out(lookout: httpx.Client, model: str | None) -> None:
    answer = ask(lookout, "hi", model=model)
    assert said(answer) == "hi"
    assert answer.json()["model"] == "echo"
    assert ask(lookout, "hi").json()["model"] == "echo"


def test_an_unknown_model_is_refused_with_those_there_are(lookout: httpx.Client) -> None:
    reason = refused(ask(lookout, "hi", model="gpt-4o"), 404, "model_not_found", "model")
    assert "gpt-4o" in reason
    assert "echo" in reason


def test_models_are_listed_and_found_by_name(client: openai.OpenAI) -> None:
    (model,) = client.models.list()
    assert (model.id, model.object, model.owned_by) == ("echo", "model", "lookout")
    assert client.models.retrieve("echo") == model
    assert client.models.list().data == [model]  # `created` too
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve("some/other-model")
    assert raised.value.code == "model_not_found"


def test_the_schema_and_its_page_are_served(lookout: httpx.Client) -> None:
    paths = lookout.get("/openapi.json").json()["paths"]
    assert CHAT in paths
    assert not [path for path in paths if path.startswith("/api/")]
    assert lookout.get("/docs").status_code == 200


def test_who_leaves_in_the_middle_of_an_answer_frees_the_model(tight: Tight) -> None:
    words = " ".join(map(str, range(80)))  # takes almost the time that a request may take
    body = {"messages": [user(words)], "stream": True}
    with tight.http.stream("POST", CHAT, json=body) as answer:
        assert next(answer.iter_lines())
    began = monotonic()
    assert said(ask(tight.http, "next")) == "next"
    assert monotonic() - began < 1.5  # its end would have been two seconds away

"""The shapes of answers, with time and ids given."""

from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from api import answers
from api.answers import Identity
from bus.messages import (
    CallDelta,
    Finished,
    FrameUsed,
    Likely,
    Timings,
    TokenScore,
    ToolCall,
)
from bus.times import utc

IDENTITY = Identity.of("chatcmpl-1", 1_795_456_328.7, "echo")
FRAME = FrameUsed("front", 17, 1_795_456_327.25, 12.5, 1280, 720)
LAST = Finished("length", 7, 3, (FRAME,), Timings(1.0, 2.0, 3.0, 4.0), cached_tokens=5)
CAT = "🐈".encode()
SCORES = (
    TokenScore(Likely("Yes", -0.1, b"Yes"), (Likely("Yes", -0.1, b"Yes"), Likely("No", -2, b"No"))),
    TokenScore(Likely("�", -0.5, CAT[:2])),
)
CALLS = (ToolCall("call_1", "open_gate", '{"a": 1}'), ToolCall("call_2", "shut_gate", "{}"))


def completion(*choices: dict[str, object]) -> ChatCompletion:
    content = answers.completion(IDENTITY, choices, LAST, 12.345)
    return ChatCompletion.model_validate_json(msgspec.json.encode(content), strict=True)


def chunk(delta: dict[str, object], **more: Any) -> ChatCompletionChunk:
    content = answers.chunk(IDENTITY, [answers.chunk_choice(0, delta, **more)])
    return ChatCompletionChunk.model_validate_json(msgspec.json.encode(content), strict=True)


def test_an_answer_is_what_the_openai_client_expects() -> None:
    answer = completion(answers.choice(0, "Yes.", (), None, "length"))
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("Yes.", "length")
    assert (choice.logprobs, choice.message.refusal, choice.message.tool_calls) == (None,) * 3
    usage = answer.usage
    assert usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (7, 3, 10)
    assert usage.prompt_tokens_details
    assert usage.prompt_tokens_details.cached_tokens == 5
    assert usage.completion_tokens_details
    assert usage.completion_tokens_details.reasoning_tokens == 0


def test_several_answers_stand_in_order() -> None:
    answer = completion(*(answers.choice(i, str(i), (), None, "stop") for i in range(3)))
    assert [(one.index, one.message.content) for one in answer.choices] == [
        *((0, "0"), (1, "1"), (2, "2"))
    ]


@pytest.mark.parametrize(("text", "content"), [("", None), ("I open it.", "I open it.")])
def test_calls_stand_beside_what_was_said_if_anything_was(text: str, content: str | None) -> None:
    (choice,) = completion(answers.choice(0, text, CALLS, None, "tool_calls")).choices
    assert choice.message.content == content
    calls: Any = choice.message.tool_calls
    assert [
        (call.id, call.type, call.function.name, call.function.arguments) for call in calls
    ] == [
        ("call_1", "function", "open_gate", '{"a": 1}'),
        ("call_2", "function", "shut_gate", "{}"),
    ]


def test_an_empty_answer_is_an_empty_text() -> None:
    assert completion(answers.choice(0, "", (), None, "stop")).choices[0].message.content == ""


def test_tokens_have_their_bytes_and_the_others_that_were_likely() -> None:
    for logprobs in (
        completion(answers.choice(0, "Yes", (), SCORES, "stop")).choices[0].logprobs,
        chunk({"content": "Yes"}, scores=SCORES).choices[0].logprobs,
    ):
        assert logprobs
        assert logprobs.content
        first, second = logprobs.content
        assert (first.token, first.logprob, first.bytes) == ("Yes", -0.1, [89, 101, 115])
        assert [(other.token, other.logprob) for other in first.top_logprobs] == [
            *(("Yes", -0.1), ("No", -2))
        ]
        assert (second.bytes, second.top_logprobs) == (list(CAT[:2]), [])


def test_an_answer_without_a_token_has_no_scores_but_the_place_for_them() -> None:
    logprobs = completion(answers.choice(0, "", (), (), "stop")).choices[0].logprobs
    assert logprobs
    assert (logprobs.content, logprobs.refusal) == ([], None)


def test_the_fingerprint_stays_while_model_and_version_do() -> None:
    fingerprint = Identity.of("another", 5.0, "echo").fingerprint
    assert fingerprint == IDENTITY.fingerprint
    assert fingerprint.startswith("fp_")
    assert Identity.of("another", 5.0, "echo2").fingerprint != fingerprint


def test_an_answer_says_which_frames_it_is_about_and_where_the_time_went() -> None:
    assert answers.completion(IDENTITY, (), LAST, 12.345)["lookout"] == {
        "frames": [
            {
                "camera": "front",
                "seq": 17,
                "captured_at": "2026-11-23T17:52:07.250Z",
                "age_ms": 12.5,
                "width": 1280,
                "height": 720,
            }
        ],
        "timings_ms": {
            "queue": 1.0,
            "pictures": 2.0,
            "first_token": 3.0,
            "engine": 4.0,
            "total": 12.35,
        },
    }


def test_chunks_are_what_the_openai_client_expects() -> None:
    first = chunk({"role": "assistant"})
    assert first.choices[0].delta.role == "assistant"
    assert first.choices[0].finish_reason is None
    assert chunk({}, reason="stop").choices[0].finish_reason == "stop"
    assert answers.chunk(IDENTITY, (), usage=None)["choices"] == ()
    assert "usage" not in answers.chunk(IDENTITY, ())


def test_pieces_of_a_call_say_once_which_call_it_is() -> None:
    pieces = (CallDelta(1, "call_2", "shut_gate", ""), CallDelta(1, arguments="{}"))
    calls = chunk({"tool_calls": answers.call_deltas(pieces)}).choices[0].delta.tool_calls
    assert calls
    first, second = calls
    assert first.function
    assert second.function
    assert (first.index, first.id, first.type, first.function.name) == (
        *(1, "call_2", "function", "shut_gate"),
    )
    assert (second.index, second.id, second.function.arguments) == (1, None, "{}")


@given(st.floats(0, 4e9))
def test_times_are_utc_with_milliseconds(seconds: float) -> None:
    from datetime import datetime  # noqa: PLC0415

    text = utc(seconds)
    assert len(text) == len("2026-11-23T17:52:07.250Z")
    read = datetime.fromisoformat(text).timestamp()
    assert seconds - 0.002 < read <= seconds + 0.0001

"""The shapes of answers, with time and ids given."""

import hypothesis.strategies as st
from hypothesis import given
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from api.answers import Identity, chunk, completion
from bus.messages import Finished, FrameUsed, Timings
from bus.times import utc

IDENTITY = Identity("chatcmpl-1", 1_795_456_328, "echo")
FRAME = FrameUsed("front", 17, 1_795_456_327.25, 12.5, 1280, 720)
LAST = Finished("length", 7, 3, (FRAME,), Timings(1.0, 2.0, 3.0, 4.0))


def test_an_answer_is_what_the_openai_client_expects() -> None:
    content = completion(IDENTITY, "Yes.", LAST, 12.345)
    answer = ChatCompletion.model_validate(content, strict=True)
    assert answer.choices[0].message.content == "Yes."
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage
    assert answer.usage.total_tokens == 10


def test_an_answer_says_which_frames_it_is_about_and_where_the_time_went() -> None:
    assert completion(IDENTITY, "Yes.", LAST, 12.345)["lookout"] == {
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
    first = ChatCompletionChunk.model_validate(chunk(IDENTITY, {"role": "assistant"}), strict=True)
    assert first.choices[0].delta.role == "assistant"
    assert first.choices[0].finish_reason is None
    last = ChatCompletionChunk.model_validate(chunk(IDENTITY, {}, "stop"), strict=True)
    assert last.choices[0].finish_reason == "stop"
    assert chunk(IDENTITY, None, usage=None)["choices"] == []
    assert "usage" not in chunk(IDENTITY, {})


@given(st.floats(0, 4e9))
def test_times_are_utc_with_milliseconds(seconds: float) -> None:
    from datetime import datetime  # noqa: PLC0415

    text = utc(seconds)
    assert len(text) == len("2026-11-23T17:52:07.250Z")
    read = datetime.fromisoformat(text).timestamp()
    assert seconds - 0.002 < read <= seconds + 0.0001

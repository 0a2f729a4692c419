"""What a client of OpenAI's Responses API gets here."""

from typing import Any

import httpx
import openai
import pytest

from tests.api.asking import RED, data_url, file_of, red_url, solid
from tests.api.responses.asking import PATH, answered, ask, image, said, text, user


def test_the_openai_client_reads_an_answer(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="echo", input="Is the gate open?")
    assert answer.object == "response"
    assert answer.id.startswith("resp_")
    assert (answer.model, answer.status) == ("echo", "completed")
    assert answer.output_text == "Is the gate open?"
    (item,) = answer.output
    assert item.type == "message"
    assert item.id.startswith("msg_")
    assert (item.role, item.status) == ("assistant", "completed")
    (part,) = item.content
    assert part.type == "output_text"
    assert part.annotations == []
    assert answer.error is None
    assert answer.incomplete_details is None
    assert answer.usage
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (4, 4)
    assert answer.usage.total_tokens == 8
    assert answer.usage.input_tokens_details.cached_tokens == 0
    assert answer.usage.output_tokens_details.reasoning_tokens == 0


def test_the_answer_repeats_what_was_asked(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "instructions": "Be brief.",
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 50,
        "metadata": {"run": "17"},
        "parallel_tool_calls": False,
        "store": False,
        "user": "n8n",
        "safety_identifier": "someone",
        "prompt_cache_key": "key",
        "max_tool_calls": 3,
    }
    answer = client.responses.create(model="echo", input="hi", **asked).model_dump()
    assert {name: answer[name] for name in asked} == asked
    assert answer["tools"] == []
    assert answer["tool_choice"] == "auto"
    assert answer["truncation"] == "disabled"
    assert answer["text"]["format"]["type"] == "text"
    assert answer["previous_response_id"] is None
    assert answer["background"] is False


def test_an_answer_is_evidence_too(lookout: httpx.Client) -> None:
    answer = answered(ask(lookout, "hi"))
    assert answer["lookout"]["frames"] == []
    assert "total" in answer["lookout"]["timings_ms"]


def test_instructions_stand_before_the_input(lookout: httpx.Client) -> None:
    answer = ask(lookout, "one two", instructions="Be brief, please.")
    assert said(answer) == "one two"
    assert answer.json()["usage"]["input_tokens"] == 5


@pytest.mark.parametrize(
    "asked",
    [
        "plain",
        [{"role": "user", "content": "plain"}],
        [{"type": "message", "role": "user", "content": "plain"}],
        [user(text("plain"))],
        [{"role": "system", "content": "Be brief."}, user(text("plain"))],
        [{"role": "developer", "content": [text("Be brief.")]}, user(text("plain"))],
        [{"type": "reasoning", "id": "rs_1", "summary": [], "more": 5}, user(text("plain"))],
        [
            user(text("Before")),
            {"role": "assistant", "content": "Yes"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Yes"}]},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}]},
            {"role": "assistant", "content": [text("Yes")], "phase": None, "status": "completed"},
            user(text("plain")),
        ],
        [user(), user(text("plain"))],
    ],
)
def test_input_is_a_string_or_items(lookout: httpx.Client, asked: Any) -> None:
    assert said(ask(lookout, asked)) == "plain"


def test_a_picture_reaches_the_model(lookout: httpx.Client) -> None:
    for detail in ("auto", "low", "high", "original", None):
        answer = ask(lookout, [user(text("What?"), image(red_url(), detail=detail))])
        assert said(answer).endswith("[image 1: 64x48 mean RGB 200 30 40]")


def test_a_camera_is_looked_at_and_told_as_evidence(lookout: httpx.Client) -> None:
    for part in (
        image("demo"),
        image("camera://demo"),
        {"type": "stream", "stream": {"stream_id": "demo", "frames": 1}},
    ):
        answer = ask(lookout, [user(text("What?"), part)])
        assert "[image 1: " in said(answer)
        (frame,) = answer.json()["lookout"]["frames"]
        assert frame["camera"] == "demo"
        assert frame["age_ms"] < 5000


def test_what_a_function_has_returned_is_told(lookout: httpx.Client) -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c1", "output": "open"}
    other = {**result, "output": [text("open"), image(red_url())]}
    for output in (result, other):
        answer = ask(lookout, [user(text("Well?")), {**call, "id": "fc_1"}, output])
        assert said(answer).startswith("Well?")
    assert "200 30 40" in said(answer)


def test_a_long_answer_is_cut_and_says_so(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="echo", input="one two three", max_output_tokens=2)
    assert answer.status == "incomplete"
    assert answer.incomplete_details
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.output_text == "one two"
    assert answer.output[0].status == "incomplete"  # type: ignore[union-attr]  # a message


@pytest.mark.parametrize(
    "words", ["two\nlines \t\r\n", "👩‍👩‍👧‍👦 漢字 \u2028", "data: [DONE]\n\n", "a \x00"]
)
def test_text_passes_unchanged(lookout: httpx.Client, words: str) -> None:
    assert said(ask(lookout, words)) == words


def test_the_older_path_of_all_routes_works_too(lookout: httpx.Client) -> None:
    answer = lookout.post("/api/v1/responses", json={"input": "hi"})
    assert said(answer) == "hi"
    assert lookout.get(f"/api{PATH}/{answer.json()['id']}").status_code == 200


def test_a_large_picture_passes(lookout: httpx.Client) -> None:
    answer = ask(lookout, [user(image(data_url(file_of(solid(RED, 1600, 1200)))))])
    assert "[image 1: 1600x1200 " in said(answer)

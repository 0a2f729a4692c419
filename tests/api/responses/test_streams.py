"""A response as it comes: OpenAI's typed events."""

from time import monotonic

import httpx
import openai
import pytest

from tests.api.asking import refused
from tests.api.conftest import Tight, openai_client
from tests.api.responses.asking import PATH, ask, events_of, said


def test_the_events_come_in_openais_order(lookout: httpx.Client) -> None:
    answer = ask(lookout, "one two", stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    kinds = [event["type"].removeprefix("response.") for event in events_of(answer.text)]
    assert list(dict.fromkeys(kinds)) == [
        *("created", "in_progress", "output_item.added", "content_part.added"),
        *("output_text.delta", "output_text.done", "content_part.done", "output_item.done"),
        "completed",
    ]
    assert len(kinds) - kinds.count("output_text.delta") == 8


def test_every_event_says_where_it_belongs(lookout: httpx.Client) -> None:
    events = events_of(ask(lookout, "one two", stream=True).text)
    first, *_, last = events
    assert first["response"]["status"] == "in_progress"
    assert (first["response"]["output"], first["response"]["usage"]) == ([], None)
    (item,) = last["response"]["output"]
    for event in events:
        if "item_id" in event:
            assert (event["item_id"], event["output_index"]) == (item["id"], 0)
        if "content_index" in event:
            assert event["content_index"] == 0
    deltas = [event for event in events if event["type"].endswith("text.delta")]
    assert "".join(event["delta"] for event in deltas) == "one two"
    assert all(event["logprobs"] == [] for event in deltas)
    assert last["response"]["id"] == first["response"]["id"]
    assert last["response"]["usage"]["output_tokens"] == 2
    assert "total" in last["response"]["lookout"]["timings_ms"]


def test_the_openai_client_reads_the_stream(client: openai.OpenAI) -> None:
    with client.responses.stream(model="echo", input="one two three") as stream:
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        answer = stream.get_final_response()
    assert "".join(texts) == answer.output_text == "one two three"
    assert answer.usage
    assert answer.usage.total_tokens == 6


def test_a_stream_that_is_cut_ends_as_incomplete(client: openai.OpenAI) -> None:
    stream = client.responses.create(
        model="echo", input="one two three", max_output_tokens=1, stream=True
    )
    *_, last = stream
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details
    assert last.response.incomplete_details.reason == "max_output_tokens"
    assert last.response.output_text == "one"


def test_who_is_told_nothing_is_told_so(lookout: httpx.Client) -> None:
    events = events_of(ask(lookout, [{"role": "user", "content": ""}], stream=True).text)
    (item,) = events[-1]["response"]["output"]
    assert item["content"][0]["text"] == ""


def test_what_fails_before_the_first_word_has_its_status(lookout: httpx.Client) -> None:
    answer = ask(lookout, "hi", model="gpt-4o", stream=True)
    refused(answer, 404, "model_not_found", "model")


def test_the_first_words_come_long_before_the_last(tight: Tight) -> None:
    words, began = " ".join(map(str, range(40))), monotonic()
    with openai_client(tight.stack.url) as client:
        stream = client.responses.create(model="slow", input=words, stream=True)
        came = [
            monotonic() - began for event in stream if event.type == "response.output_text.delta"
        ]
    assert len(came) == 40
    assert came[0] < came[-1] / 2


def test_an_answer_that_takes_too_long_ends_as_failed(tight: Tight) -> None:
    answer = ask(tight.http, " ".join(map(str, range(200))), stream=True)
    last = events_of(answer.text)[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"]["code"] == "server_error"
    assert last["response"]["error"]["message"]
    (item,) = last["response"]["output"]
    assert item["status"] == "incomplete"
    assert item["content"][0]["text"].startswith("0 1 2 3")
    gone = tight.http.get(f"{PATH}/{last['response']['id']}")
    refused(gone, 404, "response_not_found")


def test_who_leaves_in_the_middle_of_an_answer_frees_the_model(tight: Tight) -> None:
    body = {"input": " ".join(map(str, range(80))), "stream": True}
    with tight.http.stream("POST", PATH, json=body) as answer:
        assert next(answer.iter_lines())
    _is_free(tight)


def test_who_leaves_before_the_whole_answer_frees_the_model(tight: Tight) -> None:
    with pytest.raises(httpx.ReadTimeout):
        tight.http.post(PATH, json={"input": " ".join(map(str, range(80)))}, timeout=0.4)
    _is_free(tight)


def _is_free(tight: Tight) -> None:
    began = monotonic()
    assert said(ask(tight.http, "next")) == "next"
    assert monotonic() - began < 1.4  # the end of the other one would have been longer away

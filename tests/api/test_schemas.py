"""Any JSON is a request or a short list of mistakes; a request means what it says."""

from typing import Any

import hypothesis.strategies as st
from hypothesis import example, given
from pydantic import ValidationError

from api.chat_request import ChatRequest
from api.errors import path

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
parts = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=9)}),
    st.fixed_dictionaries({"type": st.just("image_url"), "image_url": st.text(min_size=1)}),
    st.fixed_dictionaries(
        {
            "type": st.just("image_url"),
            "image_url": st.fixed_dictionaries(
                {"url": st.text(min_size=1)},
                optional={"detail": st.sampled_from(["auto", "low", "high"])},
            ),
        }
    ),
)
messages = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "developer", "user", "assistant"]),
        "content": st.text(max_size=9) | st.lists(parts, max_size=3),
    },
    optional={"name": st.none() | st.text(max_size=3), "refusal": st.none()},
)
requests = st.fixed_dictionaries(
    {"messages": st.lists(messages, min_size=1, max_size=3)},
    optional={
        "model": st.none() | st.text(max_size=9),
        "stream": st.booleans(),
        "stop": st.none()
        | st.text(min_size=1, max_size=3)
        | st.lists(st.text(min_size=1), max_size=4),
        "max_tokens": st.none() | st.integers(1, 1000),
        "temperature": st.none() | st.floats(0, 2) | st.integers(0, 2),
        "metadata": json_values,
    },
)


def mistakes(body: object) -> list[Any]:
    try:
        ChatRequest.model_validate(body)
    except ValidationError as error:
        return error.errors()
    return []


@given(requests)
def test_whatever_is_well_formed_is_accepted(body: dict[str, Any]) -> None:
    request = ChatRequest.model_validate(body)
    assert [message.role for message in request.messages] == [
        message["role"] for message in body["messages"]
    ]
    stop = body.get("stop")
    assert (request.stop or []) == ([stop] if isinstance(stop, str) else stop or [])


@given(requests, st.data())
def test_one_wrong_value_is_found_where_it_is(body: dict[str, Any], data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(set(ChatRequest.model_fields) - {"messages"})))
    wrong = {**body, field: data.draw(json_values)}
    for mistake in mistakes(wrong):
        assert path(mistake["loc"]).partition(".")[0].partition("[")[0] == field


@given(json_values)
@example({"messages": [0] * 300})
@example({"messages": [{"role": "user", "content": [{"a": 1}] * 300}]})
@example({"messages": [{"role": "user", "content": [dict.fromkeys("abcdefghijklmnop", 1)] * 300}]})
@example({str(number): number for number in range(1000)})
def test_any_json_is_refused_with_few_words(body: object) -> None:
    found = mistakes(body)
    assert 0 < len(found) <= 100
    assert all(isinstance(path(mistake["loc"]), str) for mistake in found)


@given(json_values)
def test_any_json_in_place_of_a_message_or_a_part_is_refused(value: object) -> None:
    assert mistakes({"messages": [value]})
    assert mistakes({"messages": [{"role": "user", "content": [value]}]})

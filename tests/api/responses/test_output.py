"""What the model says becomes items, and events from which a client can build the same items."""

from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
from hypothesis import given
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage

from api.responses.output import Output
from bus.messages import CallDelta, Delta, Likely, TokenScore

RESPONSE = "resp_" + "a" * 32
SCORE = TokenScore(Likely("é", -0.5, "é".encode()), (Likely("e", -1.0, b"e"),))


def told(deltas: Sequence[Delta], status: Any = "completed") -> tuple[list[Any], list[Any]]:
    """The items, and all events."""
    output = Output(RESPONSE, 3)
    events = [event for delta in deltas for event in output.add(delta)]
    events += output.close(status)
    return output.items(status), events


def rebuilt(events: Sequence[Any]) -> list[Any]:
    """The items as a client makes them of the pieces alone."""
    items = list[Any]()
    for event in events:
        match event["type"].removeprefix("response."):
            case "output_item.added":
                assert event["output_index"] == len(items)
                items.append(event["item"])
            case "content_part.added":
                items[event["output_index"]]["content"] = [event["part"]]
            case "output_text.delta":
                part = items[event["output_index"]]["content"][0]
                part["text"] += event["delta"]
                part["logprobs"] += event["logprobs"]
            case "function_call_arguments.delta":
                items[event["output_index"]]["arguments"] += event["delta"]
    return items


texts = st.builds(Delta, st.text(max_size=3), scores=st.sampled_from([(), (SCORE,)]))
calls = st.builds(
    lambda index, arguments: Delta(
        "", calls=(CallDelta(index, f"call_{index}", f"name_{index}", arguments),)
    ),
    st.integers(0, 2),
    st.text(max_size=3),
)


@given(st.lists(texts | calls, max_size=8))
def test_the_pieces_make_up_the_whole(deltas: list[Delta]) -> None:
    items, events = told(deltas)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == items
    assert len({item["id"] for item in items}) == len(items) > 0
    assert [{**item, "status": "completed"} for item in rebuilt(events)] == items
    for item in items:
        kind = ResponseOutputMessage if item["type"] == "message" else ResponseFunctionToolCall
        kind.model_validate(item)


def test_calls_stand_beside_each_other_whatever_order_their_pieces_have() -> None:
    first, second = CallDelta(0, "call_1", "look", '{"a"'), CallDelta(1, "call_2", "open", "{")
    items, events = told(
        [
            Delta("Well. "),
            Delta("", calls=(first, second)),
            Delta("", calls=(CallDelta(0, arguments=": 1}"), CallDelta(1, arguments="}"))),
        ]
    )
    assert [item["type"] for item in items] == ["message", "function_call", "function_call"]
    assert [item.get("arguments") for item in items] == [None, '{"a": 1}', "{}"]
    assert [item.get("call_id") for item in items] == [None, "call_1", "call_2"]
    assert items[1]["id"].startswith("fc_" + "a" * 32)
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert kinds.count("function_call_arguments.delta") == 4
    assert kinds.count("function_call_arguments.done") == 2


def test_how_likely_the_tokens_were_is_told_with_them() -> None:
    items, events = told([Delta("é", scores=(SCORE,))])
    likely = {"token": "é", "logprob": -0.5, "bytes": [0xC3, 0xA9]}
    other = {"token": "e", "logprob": -1.0, "bytes": [0x65]}
    wanted = [{**likely, "top_logprobs": [other]}]
    assert items[0]["content"][0]["logprobs"] == wanted
    told_with = [event["logprobs"] for event in events if "logprobs" in event]
    assert told_with == [wanted, wanted]


def test_an_answer_that_only_calls_has_no_message() -> None:
    items, _ = told([Delta("", calls=(CallDelta(0, "call_1", "look", "{}"),))])
    assert [item["type"] for item in items] == ["function_call"]


def test_an_answer_that_was_cut_has_items_that_say_so() -> None:
    items, events = told([Delta("one")], "incomplete")
    assert items[0]["status"] == "incomplete"
    assert events[-1]["item"]["status"] == "incomplete"

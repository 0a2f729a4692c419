"""Events come out whole, however the network has cut them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import EngineError
from inference.upstream.events import Events

LINES = st.sampled_from(["\n", "\r\n", "\r"])
DATA = st.text(alphabet="aé漢🙂:{} ", min_size=1, max_size=12).map(lambda text: f"x{text}")


def cut(whole: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({place % (len(whole) + 1) for place in cuts})
    ends = zip([0, *at], [*at, len(whole)], strict=True)
    return [whole[begin:end] for begin, end in ends]


def read(*pieces: bytes) -> list[str]:
    events = Events()
    found = [event for piece in pieces for event in events.feed(piece)]
    return [event.decode() for event in (*found, *events.rest())]


@given(st.lists(DATA, max_size=6), LINES, st.lists(st.integers(0, 300), max_size=40))
def test_events_are_the_same_wherever_they_are_cut(
    data: list[str], end: str, cuts: list[int]
) -> None:
    whole = "".join(f"data: {text}{end}{end}" for text in data).encode()
    assert read(*cut(whole, cuts)) == data
    assert read(*(whole[i : i + 1] for i in range(len(whole)))) == data


@pytest.mark.parametrize(
    ("sent", "events"),
    [
        ("data: a\n\n: keep-alive\n\ndata: b\n\n", ["a", "b"]),
        ("data:a\n\n", ["a"]),
        ("data:  a\n\n", [" a"]),
        ("event: token\nid: 7\nretry: 100\ndata: a\n\n", ["a"]),
        ("data: a\ndata: b\n\n", ["a\nb"]),
        ("data\n\ndata:\n\n\n\n", []),
        ("nonsense\n\n<p>\n\ndata: a\n\n", ["a"]),
        ("data: [DONE]", ["[DONE]"]),
        ('data: {"a": ', []),
        ("data: a\n", ["a"]),
        ('error: {"message": "no"}\n\n', ['{"error":{"message": "no"}}']),
        ("", []),
    ],
)
def test_what_is_no_data_is_passed_over(sent: str, events: list[str]) -> None:
    assert read(sent.encode()) == events


@pytest.mark.parametrize("piece", [b"x", b"data: x\n", b"data: x"])
def test_an_event_without_an_end_does_not_fill_the_memory(piece: bytes) -> None:
    events = Events(most_bytes=1000)
    with pytest.raises(EngineError, match="more than 1000 bytes"):
        for _ in range(1001):
            events.feed(piece)


def test_many_events_may_be_longer_together_than_one() -> None:
    events = Events(most_bytes=100)
    for _ in range(100):
        assert events.feed(b"data: " + 50 * b"x" + b"\n\n") == [50 * b"x"]

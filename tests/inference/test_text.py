"""Text leaves in whole characters and never shows a stop string, however it was cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.text import INCOMPLETE, Detokenizer, StopStrings

TEXTS = st.text(alphabet="aAé漢🙂 \n", max_size=80)
LETTERS = st.text(alphabet="abc", max_size=40)
STOPS = st.lists(st.text(alphabet="abc", min_size=1, max_size=4), min_size=1, max_size=4)


def pieces_of(whole: bytes, cuts: list[int]) -> list[bytes]:
    """*whole*, cut at the places given: a vocabulary in which any bytes may be a token."""
    at = sorted({cut % (len(whole) + 1) for cut in cuts})
    ends = zip([0, *at], [*at, len(whole)], strict=True)
    return [whole[begin:end] for begin, end in ends if begin < end]


def shown(vocabulary: list[bytes], strip: bool = False) -> list[str]:
    words = Detokenizer()
    deltas = []
    for token in range(len(vocabulary)):
        words.add(token)
        text = b"".join(vocabulary[i] for i in words.window).decode(errors="replace")
        deltas.append(words.read(text.removeprefix(" ") if strip else text))
    return deltas


@given(TEXTS, st.lists(st.integers(0, 400), max_size=120))
def test_tokens_become_the_whole_text_in_whole_characters(text: str, cuts: list[int]) -> None:
    deltas = shown(pieces_of(text.encode(), cuts))
    assert "".join(deltas) == text
    assert not any(INCOMPLETE in delta for delta in deltas)


@given(st.lists(st.sampled_from([" a", "b", " ", "é", "\n"]), max_size=90))
def test_a_tokenizer_that_drops_the_first_space_loses_no_other(words: list[str]) -> None:
    deltas = shown([word.encode() for word in words], strip=True)
    assert "".join(deltas) == "".join(words).removeprefix(" ")


def test_a_character_that_never_becomes_whole_is_not_shown() -> None:
    assert shown([b"ok ", "🙂".encode()[:3]]) == ["ok ", ""]


def test_a_window_stays_short_however_long_the_text() -> None:
    words = Detokenizer()
    for _ in range(1000):
        words.add(0)
        words.read("ab" * len(words.window))
    assert len(words.window) < 50


def first_stop(text: str, stops: list[str]) -> str:
    """*text* up to the stop string that is complete first, read letter by letter."""
    for end in range(1, len(text) + 1):
        begins = [end - len(stop) for stop in stops if text[:end].endswith(stop)]
        if begins:
            return text[: min(begins)]
    return text


@given(LETTERS, STOPS, st.lists(st.integers(0, 60), max_size=30))
def test_a_stop_string_ends_the_text_wherever_it_was_cut(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    cutter = StopStrings(stops)
    out = [cutter.add(piece.decode()) for piece in pieces_of(text.encode(), cuts)]
    assert cutter.found == any(stop in text for stop in stops)
    if not cutter.found:
        out.append(cutter.rest())
    assert "".join(out) == first_stop(text, stops)


@given(LETTERS, STOPS)
def test_only_what_may_still_become_a_stop_string_waits(text: str, stops: list[str]) -> None:
    cutter = StopStrings(stops)
    cutter.add(text)
    held = cutter.rest()
    assert held == "" or any(stop.startswith(held) and stop != held for stop in stops)


@pytest.mark.parametrize("stops", [(), ("",)])
def test_without_stop_strings_nothing_waits(stops: tuple[str, ...]) -> None:
    assert StopStrings(stops).add("anything") == "anything"

"""What `?frames=` and `?span=` mean, and what the rest of a URL is left as."""

from urllib.parse import parse_qsl, urlsplit

import hypothesis.strategies as st
import pytest
from hypothesis import given

from api.image_urls import split_frames
from api.schemas import MAX_FRAMES, MAX_SPAN_S
from bus.errors import BadJob

BASES = ["demo:", "demo", "camera://front", "rtsp://u:p@10.0.0.5:554/s1", "file:///a/b%20c.mp4"]
names = st.text("abcxyz_", min_size=1, max_size=5)
values = st.text("abc/%25+ =é", max_size=5)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    ("query", "frames", "span_s"),
    [
        ("", 1, 0.0),
        ("?frames=1", 1, 0.0),
        ("?frames=4", 4, 1.0),
        ("?frames=4&span=2s", 4, 2.0),
        ("?span=300ms&frames=3", 3, 0.3),
        ("?frames=2&span=1.5", 2, 1.5),
        ("?frames=8&span=0", 8, 0.0),
        ("?frames=8&span=10s", 8, 10.0),
    ],
)
def test_frames_and_span_are_read_and_taken_off(
    base: str, query: str, frames: int, span_s: float
) -> None:
    assert split_frames(base + query) == (base, frames, span_s)


@given(
    st.sampled_from(BASES),
    st.lists(st.tuples(names, values), max_size=4),
    st.integers(1, MAX_FRAMES),
    st.integers(0, int(MAX_SPAN_S * 1000)),
)
def test_other_parameters_stay_as_they_were(
    base: str, others: list[tuple[str, str]], frames: int, span_ms: int
) -> None:
    from urllib.parse import urlencode  # noqa: PLC0415

    query = urlencode([("frames", frames), *others, ("span", f"{span_ms}ms")])
    url, found, span_s = split_frames(f"{base}?{query}")
    assert (found, span_s) == (frames, span_ms / 1000)
    assert url.partition("?")[0] == base
    assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == others


@given(st.sampled_from(BASES), st.text("abc=&/%.-_é", max_size=12))
def test_a_url_without_them_is_not_touched(base: str, query: str) -> None:
    assert split_frames(f"{base}?{query}") == (f"{base}?{query}", 1, 0.0)


@given(st.sampled_from(["frames", "span"]), st.text(max_size=8))
def test_any_value_is_understood_or_refused(name: str, value: str) -> None:
    from urllib.parse import quote  # noqa: PLC0415

    try:
        _, frames, span_s = split_frames(f"demo:?{name}={quote(value)}")
    except BadJob as error:
        assert len(str(error)) < 100
    else:
        assert 1 <= frames <= MAX_FRAMES
        assert 0 <= span_s <= MAX_SPAN_S

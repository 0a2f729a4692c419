"""A schedule is open when the clock on the wall says so, also on the nights it is changed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import given

from bus.schedule import WEEK, Day, Window, is_open, is_zone

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def unix(text: str, zone: str = BERLIN, fold: int = 0) -> float:
    """When a clock in *zone* shows *text*; *fold* 1 is the second time it does."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def openings(window: Window, first: float, hours: int, step_s: int = 60) -> list[tuple[str, str]]:
    """From when until before when it is open, in UTC, looking every *step_s*."""
    found, before = list[str](), False
    for at in range(int(first), int(first) + hours * 3600, step_s):
        if is_open(window, at) != before:
            found.append(datetime.fromtimestamp(at, UTC).strftime("%d %H:%M"))
            before = not before
    return list(zip(found[::2], [*found, "…"][1::2], strict=False))


def test_no_schedule_is_open_always() -> None:
    assert is_open(None, 0)


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("2026-11-23T08:59:59", False),
        ("2026-11-23T09:00", True),
        ("2026-11-23T16:59:59.9", True),
        ("2026-11-23T17:00", False),
        ("2026-11-24T12:00", False),  # a Tuesday
    ],
)
def test_a_window_is_open_from_its_start_until_before_its_end(at: str, inside: bool) -> None:
    assert is_open(Window("09:00", "17:00", BERLIN, ("mon",)), unix(at)) == inside


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("2026-11-23T05:00", False),  # Monday morning belongs to Sunday
        ("2026-11-23T21:59", False),
        ("2026-11-23T22:00", True),
        ("2026-11-24T00:00", True),
        ("2026-11-24T05:59", True),  # Tuesday morning belongs to Monday
        ("2026-11-24T06:00", False),
        ("2026-11-24T22:00", False),
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_it_starts_on(at: str, inside: bool) -> None:
    assert is_open(Window("22:00", "06:00", BERLIN, ("mon",)), unix(at)) == inside


@pytest.mark.parametrize("times", [("00:00", "24:00"), ("00:00", "00:00")])
def test_a_whole_day_is_that_day(times: tuple[str, str]) -> None:
    window = Window(*times, BERLIN, ("mon",))
    assert openings(window, unix("2026-11-22T12:00"), 48) == [("22 23:00", "23 23:00")]


def test_equal_times_are_round_the_clock_from_there() -> None:
    window = Window("08:00", "08:00", BERLIN, ("mon",))
    assert openings(window, unix("2026-11-22T12:00"), 60) == [("23 07:00", "24 07:00")]


def test_an_end_at_24_00_is_the_end_of_that_day() -> None:
    window = Window("20:00", "24:00", BERLIN, ("sun",))
    assert openings(window, unix("2026-11-22T00:00"), 48) == [("22 19:00", "22 23:00")]


def test_one_window_of_several_is_enough() -> None:
    morning = Window("06:00", "08:00", BERLIN)
    evening = Window("18:00", "22:00", NEW_YORK)
    for window in (morning, evening):
        at = unix("2026-11-23T07:00") if window is morning else unix("2026-11-23T19:00", NEW_YORK)
        assert is_open(window, at)
        assert is_open((morning, evening), at)
    assert not is_open((morning, evening), unix("2026-11-23T12:00"))


# The clock goes from 02:00 to 03:00 in spring and from 03:00 (Berlin) or 02:00 (New York)
# back by an hour in autumn: in UTC at 01:00 in Berlin, at 07:00 and 06:00 in New York.
SPRING, AUTUMN = "2026-03-29T00:00", "2026-10-25T00:00"
SPRING_NY, AUTUMN_NY = "2026-03-08T00:00", "2026-11-01T00:00"


@pytest.mark.parametrize(
    ("zone", "night", "start", "end", "expected"),
    [
        (BERLIN, SPRING, "01:30", "03:30", [("29 00:30", "29 01:30")]),  # an hour is missing
        (BERLIN, SPRING, "02:30", "04:00", [("29 01:00", "29 02:00")]),  # starts at the skip
        (BERLIN, SPRING, "01:00", "02:30", [("29 00:00", "29 01:00")]),  # ends at the skip
        (BERLIN, SPRING, "02:15", "02:45", []),  # there was no such time
        (BERLIN, AUTUMN, "01:30", "03:30", [("24 23:30", "25 02:30")]),  # an hour more
        (BERLIN, AUTUMN, "02:30", "04:00", [("25 00:30", "25 03:00")]),  # from the first 02:30
        (BERLIN, AUTUMN, "01:00", "02:30", [("24 23:00", "25 01:30")]),  # to the second 02:30
        (BERLIN, AUTUMN, "02:15", "02:45", [("25 00:15", "25 01:45")]),  # in one piece
        (NEW_YORK, SPRING_NY, "01:30", "03:30", [("08 06:30", "08 07:30")]),
        (NEW_YORK, SPRING_NY, "02:15", "02:45", []),
        (NEW_YORK, AUTUMN_NY, "00:30", "02:30", [("01 04:30", "01 07:30")]),
        (NEW_YORK, AUTUMN_NY, "01:15", "01:45", [("01 05:15", "01 06:45")]),
    ],
)
def test_a_window_has_no_hole_on_the_night_the_clock_changes(
    zone: str, night: str, start: str, end: str, expected: list[tuple[str, str]]
) -> None:
    window = Window(start, end, zone, ("sun",))
    assert openings(window, unix(night, zone), 12) == expected


@pytest.mark.parametrize(("night", "hours"), [(SPRING, 7), (AUTUMN, 9), ("2026-11-22T00:00", 8)])
def test_a_night_watch_is_kept_through_the_change(night: str, hours: int) -> None:
    window = Window("22:00", "06:00", BERLIN, ("sat",))
    evening = unix(night) - 7200
    assert not is_open(window, evening - 1)
    assert all(is_open(window, evening + 60 * minute) for minute in range(hours * 60))
    assert not is_open(window, evening + hours * 3600)


def test_a_clock_that_goes_back_over_midnight_begins_the_day_once() -> None:
    # In St. John's the clock went from 00:01 back to 23:01 on 2010-11-07.
    zone = "America/St_Johns"
    window = Window("00:00", "06:00", zone, ("sun",))
    start = int(unix("2010-11-06T20:00", zone))
    states = [is_open(window, at) for at in range(start, start + 14 * 3600, 30)]
    assert states.count(True) == 7 * 120
    assert sum(before != after for before, after in pairwise(states)) == 2


times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
days: st.SearchStrategy[tuple[Day, ...]] = st.lists(
    st.sampled_from(WEEK), min_size=1, max_size=7, unique=True
).map(tuple)
moments = st.floats(unix("2020-01-01T00:00"), unix("2040-01-01T00:00"))


@given(times, times | st.just("24:00"), days, moments)
def test_without_changes_of_the_clock_it_is_plain_arithmetic(
    start: str, end: str, on: tuple[Day, ...], at: float
) -> None:
    now = datetime.fromtimestamp(at, UTC)
    clock = now.strftime("%H:%M")
    today, yesterday = (WEEK[(now - timedelta(days=days)).weekday()] in on for days in (0, 1))
    if start < end:
        expected = today and start <= clock < end
    else:
        expected = (today and clock >= start) or (yesterday and clock < end)
    assert is_open(Window(start, end, "UTC", on), at) == expected


@given(times, times, st.sampled_from([BERLIN, NEW_YORK, "Australia/Lord_Howe"]), moments)
def test_a_daily_window_and_its_opposite_leave_no_moment_out(
    start: str, end: str, zone: str, at: float
) -> None:
    """Both are open only for an hour that the clock shows twice."""
    both = is_open(Window(start, end, zone), at), is_open(Window(end, start, zone), at)
    assert any(both)
    later = datetime.fromtimestamp(at + 3600, ZoneInfo(zone))
    near = datetime.fromtimestamp(at - 3600, ZoneInfo(zone))
    if start != end and later.utcoffset() == near.utcoffset():
        assert not all(both)


@pytest.mark.parametrize("name", [BERLIN, NEW_YORK, "UTC", "Asia/Kolkata", "Etc/GMT+5"])
def test_a_zone_is_known_by_its_name(name: str) -> None:
    assert is_zone(name)


@pytest.mark.parametrize(
    "name", ["", "Berlin", "Europe", "../etc/passwd", "/etc/passwd", "a\0b", "\ud800", "x" * 9999]
)
def test_what_is_no_zone_is_not_known(name: str) -> None:
    assert not is_zone(name)

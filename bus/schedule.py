"""
When a rule keeps watch: windows of local time that come back every week.

Pure. A window belongs to the day on which it starts, also when it ends on the next one.
"""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct, field

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Start = Annotated[str, Meta(pattern=r"\A([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
End = Annotated[str, Meta(pattern=r"\A(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z")]


class Window(Struct, frozen=True, forbid_unknown_fields=True):
    """From `from` until before `to`; when both are equal, round the clock."""

    start: Start = field(name="from")
    end: End = field(name="to")
    # No default: 22:00 in a zone that nobody named would be a trap.
    zone: Annotated[str, Meta(max_length=64)]
    days: Annotated[tuple[Day, ...], Meta(min_length=1, max_length=7)] = WEEK


Schedule = Window | Annotated[tuple[Window, ...], Meta(min_length=1, max_length=32)]


def is_zone(name: str) -> bool:
    """Whether this system knows the time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not there; a folder; not a name, or not a zone
        return False
    return True


def is_open(schedule: Schedule | None, at: float) -> bool:
    """Whether a window is open at *at*, unix seconds. No schedule is open always."""
    if schedule is None:
        return True
    windows = (schedule,) if isinstance(schedule, Window) else schedule
    return any(_is_inside(window, at) for window in windows)


def _is_inside(window: Window, at: float) -> bool:
    zone = ZoneInfo(window.zone)
    now = datetime.fromtimestamp(at, zone).replace(tzinfo=None)
    for shift in (-1, 0, 1):  # 1: a clock set back at midnight shows the day before again
        day = now.date() + timedelta(days=shift)
        if WEEK[day.weekday()] in window.days:
            start, end = _on_the_clock(window, day)
            if _has_begun(start, now, at, zone) and not _is_over(end, now, at, zone):
                return True
    return False


def _on_the_clock(window: Window, day: date) -> tuple[datetime, datetime]:
    """When the window of *day* starts and ends, as the clock on the wall shows it."""
    midnight = datetime.combine(day, time())
    start, end = midnight + _since_midnight(window.start), midnight + _since_midnight(window.end)
    return start, end if start < end else end + timedelta(days=1)


def _since_midnight(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


# Twice a year the clock on the wall skips an hour, or shows one twice. A window begins when
# the clock first shows its start and is over when it last shows its end: there is no hole in
# it. A time that is skipped is reached when it is skipped.


def _has_begun(start: datetime, now: datetime, at: float, zone: ZoneInfo) -> bool:
    return now >= start or at >= start.replace(tzinfo=zone, fold=0).timestamp()


def _is_over(end: datetime, now: datetime, at: float, zone: ZoneInfo) -> bool:
    return now >= end and at >= end.replace(tzinfo=zone, fold=1).timestamp()

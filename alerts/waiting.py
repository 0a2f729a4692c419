"""
What waits for one target, and what of it is tried next.

Pure: times are arguments, monotonic seconds. The events of one alert are tried in order, the
next one only when the one before is settled; alerts do not wait for each other. After each
failure its alert rests, and so does the target; then the alert that is due for longest is
tried. So an event that always fails holds others up for a second, while a target that is
away is asked rarely, however much waits for it.
"""

import random
from collections import deque
from dataclasses import dataclass, field

MOST_DOUBLINGS = 20
LATELY = 1000  # entries
LONGEST_ASKED_S = 3600.0


@dataclass(frozen=True)
class Patience:
    """How long to go on, and how often; all in seconds."""

    first_s: float = 1.0
    longest_s: float = 300.0
    keep_s: float = 86_400.0  # an event that is older is dropped
    fresh_s: float = 10.0  # a new event ends a longer rest of the target

    def rest_s(self, failures: int) -> float:
        """How long to rest after so many of them in a row; with jitter."""
        doubled: float = self.first_s * 2.0 ** min(failures - 1, MOST_DOUBLINGS)
        return min(self.longest_s, doubled) * random.uniform(0.75, 1.0)


@dataclass
class _Line:
    """The events of one alert, oldest first."""

    due: float
    entries: deque[str] = field(default_factory=deque)
    failures: int = 0  # of the first entry


@dataclass(frozen=True)
class Next:
    entry: str  # id in the log
    attempt: int  # from 1
    due: float


class Waiting:
    """Entries of the log by alert. Only ids are kept: there may be thousands for a long time."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._lines: dict[str, _Line] = {}
        self._alerts: dict[str, str] = {}  # entry -> its alert
        self._settled = deque[str](maxlen=LATELY)
        self._failures = 0  # of the target in a row
        self._rests_until = 0.0
        self._asked_until = 0.0  # the target itself named that time

    def __contains__(self, entry: object) -> bool:
        """Also of what was settled lately: who looks into the log may be a moment behind."""
        return entry in self._alerts or entry in self._settled

    def __len__(self) -> int:
        return len(self._alerts)

    def add(self, entry: str, alert: str, now: float) -> None:
        self._lines.setdefault(alert, _Line(now)).entries.append(entry)
        self._alerts[entry] = alert
        self._rests_until = min(self._rests_until, now + self._patience.fresh_s)

    def first(self) -> Next | None:
        """What is tried next, and when."""
        if not self._lines:
            return None
        line = min(self._lines.values(), key=lambda line: line.due)
        due = max(line.due, self._rests_until, self._asked_until)
        return Next(line.entries[0], line.failures + 1, due)

    def settle(self, entry: str) -> None:
        """It is delivered, or dropped."""
        alert = self._alerts.pop(entry)
        line = self._lines[alert]
        line.entries.remove(entry)
        line.failures = 0
        self._settled.append(entry)
        if not line.entries:
            del self._lines[alert]

    def answered(self) -> None:
        """The target is there."""
        self._failures = 0

    def failed(self, entry: str, now: float, after_s: float) -> None:
        line = self._lines[self._alerts[entry]]
        line.failures += 1
        line.due = now + self._patience.rest_s(line.failures)
        self._failures += 1
        self._rests_until = now + self._patience.rest_s(self._failures)
        self._asked_until = now + min(after_s, LONGEST_ASKED_S)

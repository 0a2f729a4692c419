"""How a camera is, from what is known of it and the time. Pure: knows no clock and no camera."""

from dataclasses import dataclass
from random import Random

from bus.cameras import State
from capture.source import Terms

STALE_S = 3.0  # without a frame, where frames come faster than one a second
STALE_FRAMES = 3.0  # that did not come, where they are slower
LOST_FRAMES = 5.0
GRACE_S = 1.0  # a source that keeps its own time says better what went wrong
REFUSED_S = 60.0  # after the camera refused us: some ban who is wrong five times
REFUSED_MOST_S = 900.0
STEADY_S = 10.0  # whoever was live for so long has not failed again and again


@dataclass(frozen=True)
class Opening:
    """One attempt to open a camera and what came of it, in monotonic seconds."""

    began: float
    opened: float | None = None
    last_frame: float | None = None
    interval_s: float = 0.0  # between frames, lately

    @property
    def lived_s(self) -> float:
        """How long it gave frames."""
        return (self.last_frame or 0.0) - (self.opened or 0.0)


@dataclass(frozen=True)
class Verdict:
    state: State  # `down` means that it should be closed
    error: str
    holds_s: float  # so long at most, if no frame comes


def judge(camera: Opening, now: float, terms: Terms) -> Verdict:
    if camera.last_frame is None:
        return _judge_silent(camera, now, terms)
    age_s = now - camera.last_frame
    stale_s = max(STALE_S, STALE_FRAMES * camera.interval_s)
    lost_s = max(terms.stall_s, LOST_FRAMES * camera.interval_s)
    if age_s >= lost_s:
        return Verdict("down", f"gave no frame for {lost_s:.3g} s", 0)
    if age_s >= stale_s:
        return Verdict("stale", f"no frame for {stale_s:.3g} s", lost_s - age_s)
    return Verdict("live", "", min(stale_s, lost_s) - age_s)


def _judge_silent(camera: Opening, now: float, terms: Terms) -> Verdict:
    """Of a camera that has not given a frame yet."""
    if camera.opened is None:
        since, limit_s = camera.began, terms.open_s
        error = f"gave no answer within {limit_s:g} s"
    else:
        since, limit_s = camera.opened, terms.stall_s
        error = f"was opened, but gave no picture within {limit_s:g} s"
    left_s = since + limit_s + GRACE_S - now
    return Verdict("connecting", "", left_s) if left_s > 0 else Verdict("down", error, 0)


def backoff_s(failures: int, dice: Random, refused: bool = False) -> float:
    """
    How long to wait after the nth failure in a row, never in step with others.

    1 to 30 s; where the camera *refused* us, a minute and more: only its owner can help.
    """
    least_s, most_s = (REFUSED_S, REFUSED_MOST_S) if refused else (1.0, 30.0)
    wanted_s = min(most_s, least_s * 2.0**failures)
    return max(least_s, wanted_s * dice.uniform(0.5, 1.0))


def again_s(failures: int, refused: bool = False) -> float:
    """How soon after the nth failure in a row, if somebody asks: not at once, whoever it is."""
    return min(REFUSED_MOST_S, max(1.0, 4.0 ** (failures - 1))) if refused else 1.0

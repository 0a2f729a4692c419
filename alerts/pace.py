"""
When a rule looks at its camera again. Pure: times are monotonic seconds.

Where nothing moves, nothing is judged again until the refresh: the answer would be the
same. What moved is looked at once more after it has stopped, for that is what stays.
"""

from dataclasses import dataclass

from bus.rules import Rule

JUMP = 0.6  # so much of the picture at once is another scene: look now
JUMP_APART_S = 0.25
LATELY = 0.3  # weight of the newest interval in the average


@dataclass
class Pace:
    """Of one rule on one camera."""

    every_s: float = 0.0  # between judgements, lately
    skipped: int = 0
    _looked: float = 0.0  # when it was last due, judged or not
    _judged: float | None = None
    _moved: bool = False  # since the last judgement, or just before it

    def see(self, rule: Rule, motion: float, now: float, waiting: bool) -> bool:
        """
        Whether to judge the frame that has just come, of which *motion* has changed.

        *waiting*: something must hold until it counts, so every look is needed.
        """
        self._moved = self._moved or motion >= rule.gate_above
        if self._judged is None:
            return True
        if motion >= JUMP and now - self._judged >= min(JUMP_APART_S, rule.every_s):
            return True
        if now - self._judged < rule.every_s:
            return False
        still = not (rule.gate == "none" or waiting or self._moved)
        if not still or now - self._judged >= rule.refresh_s:
            return True
        if now - self._looked >= rule.every_s:
            self._looked = now
            self.skipped += 1
        return False

    def judged(self, rule: Rule, motion: float, now: float) -> None:
        """The frame was taken for judgement at *now*."""
        if self._judged is not None and (gap_s := now - self._judged) < rule.refresh_s:
            self.every_s += (gap_s - self.every_s) * (LATELY if self.every_s else 1)
        self._looked = self._judged = now
        self._moved = motion >= rule.gate_above

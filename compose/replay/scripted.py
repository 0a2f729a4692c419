"""Labels that nobody has to write: of the demo camera, whose script is known. Pure."""

from collections.abc import Sequence

from bus.rules import Rule
from capture.demo.scene import KINDS, Kind
from capture.demo.script import truth_at
from capture.sources.demo import Film
from compose.replay.labels import while_so
from compose.replay.spans import Truth

KIND_OF: dict[str, Kind] = {f"is there a {kind}": kind for kind in KINDS}
GAP_S = 1.0  # what is hidden by something else for less is there all the time


def scripted(film: Film, seconds: float, rules: Sequence[Rule]) -> dict[str, list[Truth]]:
    """When the answer is yes, by id of the rule; of rules that ask whether there is a thing."""
    asked = {rule.id: KIND_OF.get(rule.question.lower().rstrip("? ")) for rule in rules}
    return {rule: _truths(film, seconds, kind) for rule, kind in asked.items() if kind}


def _truths(film: Film, seconds: float, kind: Kind) -> list[Truth]:
    frames = range(1, int(seconds * film.fps) + 1)
    shown = ((n / film.fps, truth_at(film.scene_s(n)).has(kind)) for n in frames)
    return while_so(shown, 1 / film.fps, GAP_S)

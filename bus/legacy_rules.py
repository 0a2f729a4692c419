"""The ancestor's list of questions as rules. Pure."""

from collections.abc import Sequence

from msgspec import Struct

from bus.errors import BadJob
from bus.rule_parsing import ALLOWED, parse_rule
from bus.rules import EVERY, Rule


class LegacyLimits(Struct, frozen=True):
    """What the ancestor let its clients set, with its defaults."""

    alerts: int = 10
    characters: int = 100
    cooldown_s: float = 60.0
    prompt: str = ""  # how to ask each of them; empty: the engine's own way


def legacy_rules(
    alerts: Sequence[str], camera: str | None, limits: LegacyLimits
) -> tuple[Rule, ...]:
    """
    The rules `r0`, `r1` … of the ancestor's list; a blank one keeps its place and makes none.

    They are judged whether or not something moves, as the ancestor did. *camera* None is
    every camera. Raise `BadJob` that names the place in the list.
    """
    if len(alerts) > limits.alerts:
        raise BadJob(f"alerts: write at most {limits.alerts} of them", param="alerts")
    return tuple(
        _legacy_rule(index, question, camera, limits)
        for index, question in enumerate(alerts)
        if question.strip()
    )


def _legacy_rule(index: int, question: str, camera: str | None, limits: LegacyLimits) -> Rule:
    place = f"alerts[{index}]"
    if len(question) > limits.characters:
        raise BadJob(f"{place}: write at most {limits.characters} characters", param=place)
    fields = {"id": f"r{index}", "question": question, "cameras": [camera or EVERY]}
    more = {"gate": "none", "cooldown_s": limits.cooldown_s, "prompt": limits.prompt}
    try:
        return parse_rule(fields | more)
    except BadJob as error:
        raise BadJob(f"{place}: write {ALLOWED['question']}", param=place) from error

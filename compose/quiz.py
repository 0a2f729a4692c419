"""Questions about the demo yard whose right answers the script of the scene knows. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from capture.demo.scene import KINDS
from capture.demo.truth import Truth

PLURALS = {"person": "people", "box": "boxes"}


@dataclass(frozen=True)
class Question:
    text: str
    right: Callable[[Truth], str | None]  # what a right answer says; None: not a question now
    is_right: Callable[[str, Truth], bool]


def _words(answer: str) -> list[str]:
    return re.findall(r"\w+", answer.lower())


def _question(text: str, right: Callable[[Truth], str | None]) -> Question:
    """A question that one word answers."""
    return Question(text, right, lambda answer, truth: right(truth) in _words(answer))


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _kinds_named(answer: str) -> set[str]:
    words = set(_words(answer))
    return {kind for kind in KINDS if words & {kind, PLURALS.get(kind, f"{kind}s")}}


def _kinds_seen(truth: Truth) -> set[str]:
    return {seen.kind for seen in truth.seen}


DESCRIBE = Question(
    "Describe the scene.",
    lambda truth: " ".join(sorted(_kinds_seen(truth))) or "nothing",
    lambda answer, truth: _kinds_named(answer) == _kinds_seen(truth),
)

QUESTIONS = (
    _question("Is there a person?", lambda truth: _yes(truth.has("person"))),
    _question("Is there a fire?", lambda truth: _yes(truth.has("fire"))),
    _question("How many people are there?", lambda truth: str(truth.count("person"))),
    _question("What colour is the truck?", lambda truth: truth.colour_of("truck")),
    _question("What colour is the car?", lambda truth: truth.colour_of("car")),
    _question("Where is the dog?", lambda truth: truth.where("dog")),
    DESCRIBE,
)

"""A grammar as the text that OpenVINO's grammar compiler reads. Pure."""

import re
from collections.abc import Iterable

from bus.errors import BadJob
from inference.ov.automaton import Range

LARGEST = 100_000  # characters; what is compiled holds up all others
PLACE = 30  # characters that a place in `a{32}` costs as much as: the compiler looks at each
COUNTED = re.compile(r"\{(\d+)(?:,(\d+))?\}")
CHUNK = 32  # of more than these in a row the compiler counts each, at every token


class Grammar:
    """Rules that may refer to each other; a rule that is there already is used again."""

    def __init__(self) -> None:
        self._bodies: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._size = 0

    def reserve(self) -> str:
        """The name of a rule that `define` fills later; until then others may refer to it."""
        name = f"r{len(self._bodies)}"
        self._bodies[name] = ""
        return name

    def define(self, name: str, body: str) -> None:
        self._bodies[name] = body
        places = sum(int(most or least) for least, most in COUNTED.findall(body))
        self._size += len(body) + PLACE * places
        if self._size > LARGEST:
            raise BadJob("the JSON schema is too large", param="response_format")

    def rule(self, body: str) -> str:
        """The name of the rule with *body*."""
        if body not in self._names:
            self._names[body] = self.reserve()
            self.define(self._names[body], body)
        return self._names[body]

    def either(self, bodies: Iterable[str]) -> str:
        return self.rule(" | ".join(dict.fromkeys(bodies)))

    def repeat(self, name: str, least: int, most: int | None) -> str:
        """The rule *name* so many times; without end if *most* is None."""
        if most is None:
            return self.rule(f"{self._exactly(name, least)} {name}*")
        return self.rule(f"{self._exactly(name, least)} {self._up_to(name, most - least)}")

    def _exactly(self, name: str, count: int) -> str:
        if count <= CHUNK:
            return f"{name}{{{count}}}" if count else '""'
        chunks, rest = divmod(count, CHUNK)
        return f"{self._exactly(self._chunk(name), chunks)} {self._exactly(name, rest)}"

    def _up_to(self, name: str, count: int) -> str:
        if count <= CHUNK:
            return f"{name}{{0,{count}}}" if count else '""'
        chunks, rest = divmod(count, CHUNK)
        chunk = self._chunk(name)
        fewer = f"{self._up_to(chunk, chunks - 1)} {self._up_to(name, CHUNK - 1)}"
        return self.rule(f"{fewer} | {self._exactly(chunk, chunks)} {self._up_to(name, rest)}")

    def _chunk(self, name: str) -> str:
        return self.rule(f"{name}{{{CHUNK}}}")

    def text(self, start: str) -> str:
        """All of it, beginning with the rule *start*."""
        rules = [f"root ::= {start}", *(f"{n} ::= {body}" for n, body in self._bodies.items())]
        return "\n".join(rules) + "\n"


def literal(text: str) -> str:
    """
    *text* and nothing else.

    A character beyond ASCII is a class of one: in quotes, the compiler takes a hexadecimal
    digit behind some of them for a part of them.
    """
    runs = re.findall(r"[\x00-\x7f]+|.", text, re.DOTALL)
    return " ".join(map(_run, runs)) or '""'


def _run(text: str) -> str:
    if not text.isascii():
        return one_of([(ord(text), ord(text))])
    return f'"{"".join(_safe(ord(char)) for char in text)}"'


def one_of(ranges: Iterable[Range]) -> str:
    """A character of any of *ranges*."""
    inside = "".join(
        _safe(first) if first == last else f"{_safe(first)}-{_safe(last)}" for first, last in ranges
    )
    return f"[{inside}]"


def _safe(point: int) -> str:
    """A character that means nothing but itself, in quotes and in brackets."""
    char = chr(point)
    return char if char.isprintable() and char not in '"\\[]^-' else f"\\U{point:08x}"

"""
A regular expression of a JSON schema as rules of a grammar. Pure.

What matches is the text as the reader of the JSON sees it: a quotation mark or a backslash
in it is written as two characters.
"""

import re
from collections.abc import Callable
from collections.abc import Sequence as Many

from inference.ov.automaton import (
    Either,
    Node,
    OneOf,
    Range,
    Repeat,
    Sequence,
    State,
    TooLarge,
    machine,
)
from inference.ov.ebnf import Grammar, literal, one_of

DEEPEST = 20  # groups in groups
LAST = 0x10FFFF
ESCAPES = {ord(char): f"\\{escape}" for char, escape in zip('"\\\n\r\t', '"\\nrt', strict=True)}
# Not written as they are: control characters, the two that JSON escapes, and half characters.
BARRED: list[Range] = [(0, 0x1F), (0x22, 0x22), (0x5C, 0x5C), (0x7F, 0x7F), (0xD800, 0xDFFF)]
CLASSES: dict[str, list[Range]] = {
    "d": [(0x30, 0x39)],
    "w": [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)],
    "s": [(0x09, 0x0D), (0x20, 0x20)],
}
CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}
COUNTS = re.compile(r"([*+?])|\{(\d{1,9})(?:(,)(\d{0,9}))?\}")
MARKS = "\\^$.|?*+()[]{}"

Refuse = Callable[[str], Exception]


def complement(ranges: list[Range]) -> list[Range]:
    """All characters but *ranges*."""
    left: list[Range] = []
    start = 0
    for first, last in sorted(ranges):
        if start < first:
            left.append((start, first - 1))
        start = max(start, last + 1)
    return [*left, (start, LAST)] if start <= LAST else left


def characters(ranges: list[Range]) -> str:
    """One character of *ranges*, as it stands in JSON; empty if none can."""
    plain = complement([*BARRED, *complement(ranges)])
    escaped = [
        literal(escape)
        for point, escape in ESCAPES.items()
        if any(first <= point <= last for first, last in ranges)
    ]
    return " | ".join([*([one_of(plain)] if plain else []), *escaped])


ANY = characters([(0, LAST)])
ANYTHING = Repeat(OneOf(((0, LAST),)), 0, None)


def translate(pattern: str, grammar: Grammar, refuse: Refuse) -> str:
    """The rule for a text in which *pattern* is found; raises what *refuse* makes of a reason."""
    parser = _Parser(pattern, refuse)
    try:
        found = parser.alternatives(0)
        if parser.rest:
            raise refuse("its parentheses do not match")
        return _rules(machine(found), grammar)
    except TooLarge as error:
        raise refuse("it is too large") from error


def _rules(states: Many[State], grammar: Grammar) -> str:
    """One rule for each state: what may follow it. The first one's name."""
    names = [grammar.reserve() for _ in states]
    for place, state in enumerate(states):
        options = ['""'] if state.final else []
        again = ""
        for there, ranges in state.steps.items():
            if there == place:  # repeated in the rule: not a rule in itself, ever deeper
                again = f"{grammar.rule(characters(ranges))}* "
            elif step := characters(ranges):
                options.append(f"{grammar.rule(step)} {names[there]}")
        grammar.define(names[place], again + grammar.either(options))
    return names[0]


class _Parser:
    def __init__(self, pattern: str, refuse: Refuse) -> None:
        self.rest = pattern
        self._refuse = refuse

    def alternatives(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise self._refuse(f"it has more than {DEEPEST} groups in each other")
        options = [self._sequence(depth)]
        while self._take("|"):
            options.append(self._sequence(depth))
        return Either(tuple(options))

    def _sequence(self, depth: int) -> Node:
        """*depth* 0: of the whole pattern, where an end without an anchor is open."""
        parts: list[Node] = [] if depth or self._take("^") else [ANYTHING]
        while self.rest and self.rest[0] not in "|)":
            if not depth and self.rest[0] == "$" and self.rest[1:2] in ("", "|"):
                break
            parts.append(self._counted(self._atom(depth)))
        if not depth and not self._take("$"):
            parts.append(ANYTHING)
        return Sequence(tuple(parts))

    def _counted(self, atom: Node) -> Node:
        if not (count := COUNTS.match(self.rest)):
            return atom
        self.rest = self.rest[count.end() :]
        self._take("?")  # as few as possible: of a whole text that is the same
        least, most = _bounds(count)
        if most is not None and most < least:
            raise self._refuse(f"{count[0]} is the wrong way round")
        return Repeat(atom, least, most)

    def _atom(self, depth: int) -> Node:
        char = self._next()
        if char == "(":
            return self._group(depth)
        if char == "[":
            return self._one_of(self._class())
        if char == ".":
            return self._one_of(complement([(10, 10), (13, 13)]))
        if char == "\\":
            return self._one_of(self._escape())
        if char in MARKS:
            raise self._refuse(f"{char} cannot stand there")
        return self._one_of([(ord(char), ord(char))])

    def _group(self, depth: int) -> Node:
        if self.rest.startswith("?") and not self._take("?:"):
            raise self._refuse(f"({self.rest[:2]} is not understood")
        inside = self.alternatives(depth + 1)
        if not self._take(")"):
            raise self._refuse("its parentheses do not match")
        return inside

    def _class(self) -> list[Range]:
        negated = self._take("^")
        ranges: list[Range] = []
        while not self._take("]"):
            first = self._member()
            if self.rest.startswith("-") and self.rest[1:2] not in ("]", ""):
                self._take("-")
                first = [self._between(first, self._member())]
            ranges += first
        return complement(ranges) if negated else ranges

    def _between(self, first: list[Range], last: list[Range]) -> Range:
        (begin, same), *_ = first
        (end, also), *_ = last
        if begin != same or end != also or end < begin:
            raise self._refuse("a range in brackets is no range")
        return begin, end

    def _member(self) -> list[Range]:
        char = self._next()
        return self._escape() if char == "\\" else [(ord(char), ord(char))]

    def _escape(self) -> list[Range]:
        char = self._next()
        if char in CONTROLS:
            char = CONTROLS[char]
        elif char.lower() in CLASSES:
            ranges = CLASSES[char.lower()]
            return ranges if char.islower() else complement(ranges)
        elif char.isalnum():
            raise self._refuse(f"\\{char} is not understood")
        return [(ord(char), ord(char))]

    def _one_of(self, ranges: list[Range]) -> Node:
        if not characters(ranges):
            raise self._refuse("no character of JSON's texts fits a part of it")
        return OneOf(tuple(ranges))

    def _next(self) -> str:
        if not self.rest:
            raise self._refuse("it ends too early")
        char, self.rest = self.rest[0], self.rest[1:]
        return char

    def _take(self, text: str) -> bool:
        found = self.rest.startswith(text)
        self.rest = self.rest.removeprefix(text)
        return found


def _bounds(count: re.Match[str]) -> tuple[int, int | None]:
    match count.groups():
        case ("*", *_):
            return 0, None
        case ("+", *_):
            return 1, None
        case ("?", *_):
            return 0, 1
        case (_, least, comma, most):
            return int(least), int(most) if most else None if comma else int(least)
    raise AssertionError(count)

"""
A regular expression as a machine that is in one state at a time. Pure.

A grammar that follows the expression itself may be understood in very many ways at once,
`(.+){32}` for example, and then each token takes minutes. Of a machine there is one way.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

Range = tuple[int, int]  # first and last code point
States = frozenset[int]

LARGEST = 500  # states
LONGEST = 2_000_000  # looks at a state while it is made, which is a fraction of a second


class TooLarge(Exception):
    """The machine would have too many states, or take too long to make."""


@dataclass(frozen=True)
class Repeat:
    what: "Node"
    least: int
    most: int | None  # None: without end


@dataclass(frozen=True)
class Sequence:
    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Either:
    options: tuple["Node", ...]


@dataclass(frozen=True)
class OneOf:
    """A character of any of the ranges."""

    ranges: tuple[Range, ...]


Node = Repeat | Sequence | Either | OneOf


@dataclass(frozen=True)
class State:
    steps: Mapping[int, list[Range]]  # to which state, with which characters; no two overlap
    final: bool  # whether the text may end here


def machine(node: Node) -> list[State]:
    """The states for texts that *node* describes; it begins in the first. Raises `TooLarge`."""
    loose = _Loose()
    start = loose.state()
    end = loose.build(node, start)
    numbers = {loose.reach([start]): 0}
    waiting = list(numbers)
    states: list[State] = []
    for here in waiting:  # which grows meanwhile
        steps: dict[int, list[Range]] = {}
        for span, there in loose.steps_from(here):
            if there not in numbers:
                numbers[there] = len(numbers)
                waiting.append(there)
            steps.setdefault(numbers[there], []).append(span)
        states.append(State(steps, end in here))
        if len(numbers) > LARGEST:
            raise TooLarge
    return states


class _Loose:
    """A machine that may be in several states at once, and goes on from some without a step."""

    def __init__(self) -> None:
        self._steps: list[list[tuple[Range, int]]] = []
        self._free: list[list[int]] = []
        self._looks = 0

    def state(self) -> int:
        if len(self._steps) > 8 * LARGEST:
            raise TooLarge
        self._steps.append([])
        self._free.append([])
        return len(self._steps) - 1

    def build(self, node: Node, start: int) -> int:
        """The state in which *node*, begun in *start*, has ended."""
        match node:
            case OneOf(ranges):
                end = self.state()
                self._steps[start] += [(span, end) for span in ranges]
                return end
            case Sequence(parts):
                for part in parts:
                    start = self.build(part, start)
                return start
            case Either(options):
                end = self.state()
                for option in options:
                    self._free[self.build(option, start)].append(end)
                return end
            case Repeat():
                return self._repeat(node, start)

    def _repeat(self, node: Repeat, start: int) -> int:
        for _ in range(node.least):
            start = self.build(node.what, start)
        end = self.state()
        self._free[start].append(end)
        if node.most is None:
            self._free[self.build(node.what, end)].append(end)
            return end
        for _ in range(node.most - node.least):
            start = self.build(node.what, start)
            self._free[start].append(end)
        return end

    def reach(self, states: Iterable[int]) -> States:
        """*states* and those that it goes on to without a step."""
        found, left = set[int](), list(states)
        while left:
            if (state := left.pop()) not in found:
                found.add(state)
                left += self._free[state]
        self._look(len(found))
        return frozenset(found)

    def steps_from(self, states: States) -> Iterator[tuple[Range, States]]:
        """For each span of characters that all lead to the same states: those states."""
        steps = [step for state in sorted(states) for step in self._steps[state]]
        edges = sorted({first for (first, _), _ in steps} | {last + 1 for (_, last), _ in steps})
        for first, after in pairwise(edges):
            self._look(len(steps))
            there = [state for (low, high), state in steps if low <= first and after - 1 <= high]
            if there:
                yield (first, after - 1), self.reach(there)

    def _look(self, count: int) -> None:
        self._looks += count
        if self._looks > LONGEST:
            raise TooLarge

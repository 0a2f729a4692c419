"""What was measured, as rows of one table. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import quantiles

HEAD = ("what", "figure", "floor", "against it", "budget", "")


@dataclass(frozen=True)
class Row:
    what: str
    figure: str
    floor: str = ""
    against: str = ""  # the figure as a ratio to the floor, or a difference
    budget: str = ""
    met: bool | None = None  # None: it has no budget

    @property
    def cells(self) -> Sequence[str]:
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        return self.what, self.figure, self.floor, self.against, self.budget, verdict


@dataclass(frozen=True)
class Section:
    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = field(default=())


def plain(sections: Sequence[Section]) -> str:
    """For a terminal."""
    lines = [HEAD, *(row.cells for section in sections for row in section.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_plain_lines(sections, widths)) + "\n"


def _plain_lines(sections: Iterable[Section], widths: Sequence[int]) -> Iterator[str]:
    def line(cells: Sequence[str]) -> str:
        what, *rest = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join((what, *rest)).rstrip()

    yield line(HEAD)
    for section in sections:
        yield f"\n{section.title}"
        yield from (line(row.cells) for row in section.rows)
        yield from (f"  {note}" for note in section.notes)


def markdown(sections: Sequence[Section]) -> str:
    """For a README."""
    lines = [_piped(HEAD), _piped(["---"] * len(HEAD))]
    for section in sections:
        lines.append(_piped((f"**{section.title}**", *[""] * (len(HEAD) - 1))))
        lines += [_piped(row.cells) for row in section.rows]
    notes = [f"- {note}" for section in sections for note in section.notes]
    return "\n".join([*lines, "", *notes]) + "\n"


def _piped(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def ms(value: float) -> str:
    return f"{value:.2f} ms" if abs(value) < 100 else f"{value:.0f} ms"


def more_ms(value: float) -> str:
    return f"{value:+.2f} ms"


def times(figure: float, floor: float) -> str:
    return f"{figure / floor:.2f} times"


def count(value: float) -> str:
    return f"{value:,.0f}"


def share(figure: float, floor: float) -> str:
    return f"{figure / floor:.0%}"

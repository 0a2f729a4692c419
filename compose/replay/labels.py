"""Labels: when the right answer to a rule's question is yes, as somebody has written it down."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from bus.errors import BadSettings
from bus.rules import Rule
from compose.replay.spans import Truth

Moment = Annotated[float, Meta(ge=0)]


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without times it only says that the rule is labelled: the answer may always be no."""

    rule: str  # its id, name or question
    begins: Moment | None = msgspec.field(name="from", default=None)  # seconds
    ends: Moment | None = msgspec.field(name="to", default=None)


def read_labels(file: str, rules: Sequence[Rule]) -> dict[str, list[Truth]]:
    """
    What is true, by id of the rule; rules that the file does not name are not in it.

    Raise `BadSettings` that names the file and the label at fault.
    """
    truths: dict[str, list[Truth]] = {}
    for place, label in enumerate(_parse(file), 1):
        where = f"{file}: label {place}"
        known = truths.setdefault(_rule_of(label, rules, where), [])
        if label.begins is None and label.ends is None:
            continue
        if label.begins is None or label.ends is None or label.ends < label.begins:
            raise BadSettings(f"{where}: `to` must come after `from`")
        known.append(Truth(label.begins, label.ends))
    return {rule: merged(known) for rule, known in truths.items()}


def merged(truths: Sequence[Truth]) -> list[Truth]:
    """In order, those that touch as one."""
    apart: list[Truth] = []
    for truth in sorted(truths):
        if apart and truth.from_s <= apart[-1].to_s:
            apart[-1] = Truth(apart[-1].from_s, max(apart[-1].to_s, truth.to_s))
        else:
            apart.append(truth)
    return apart


def while_so(moments: Iterable[tuple[float, bool]], step_s: float, gap_s: float) -> list[Truth]:
    """From what is so at moments *step_s* apart; what is not so for *gap_s* is so all the time."""
    spans = [Truth(at_s, at_s + step_s + gap_s) for at_s, is_so in moments if is_so]
    return [truth._replace(to_s=truth.to_s - gap_s) for truth in merged(spans)]


def _parse(file: str) -> list[Label]:
    try:
        if not file.endswith(".csv"):
            return msgspec.json.decode(Path(file).read_bytes(), type=list[Label])
        with Path(file).open(newline="") as lines:
            rows = [_filled(row) for row in csv.DictReader(lines)]
        return msgspec.convert(rows, list[Label], strict=False)
    except (OSError, ValueError, csv.Error, msgspec.DecodeError) as error:
        raise BadSettings(f"{file}: {error}") from error


def _filled(row: dict[str, str]) -> dict[str, str]:
    """Without empty cells, which is how a table has no time; `csv` has None for what is missing."""
    cells = ((name, cell) for name, cell in row.items() if isinstance(cell, str))
    return {name.strip(): cell.strip() for name, cell in cells if cell.strip()}


def _rule_of(label: Label, rules: Sequence[Rule], where: str) -> str:
    for rule in rules:
        if label.rule in (rule.id, rule.name, rule.question):
            return rule.id
    known = ", ".join(repr(rule.id) for rule in rules)
    raise BadSettings(f"{where}: there is no rule {label.rule!r} here: {known}")

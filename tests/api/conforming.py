"""What a request may contain, as a table that is tried over HTTP and printed for people."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import httpx
from pydantic import BaseModel

PAGE = Path(__file__).parents[2] / "docs" / "openai-compatibility.md"

Fields = dict[str, Any]  # of a request; they stand beside those that every request needs


def answered(answer: httpx.Response) -> bool:
    return answer.status_code == 200


@dataclass(frozen=True)
class Use:
    """A value that is taken, and how its effect shows in the answer."""

    fields: Fields
    shows: Callable[[httpx.Response], bool] = answered


@dataclass(frozen=True)
class Refusal:
    """A value that is refused, and where the error says it is."""

    fields: Fields
    param: str | None
    code: str = "bad_request"
    status: int = 400


@dataclass(frozen=True)
class Row:
    field: str  # `messages[].content`
    takes: str
    does: str
    cases: tuple[Use | Refusal, ...]
    kind: Literal["honoured", "ignored", "refused"] = "honoured"


@dataclass(frozen=True)
class Table:
    """All fields of the requests to *path*; *base* is what each one must have."""

    path: str
    request: type[BaseModel]
    base: Fields
    rows: tuple[Row, ...]

    def cases(self) -> Iterator[tuple[str, Row, Use | Refusal]]:
        """Every case under a name for the report of the tests."""
        for row in self.rows:
            for case in row.cases:
                kind = "takes" if isinstance(case, Use) else "refuses"
                yield f"{row.field} {kind} {str(case.fields)[:60]}", row, case


def fields_of(model: type[BaseModel], within: str = "") -> set[str]:
    """The fields of *model* and of all that lies in it: `tools[].function.name`."""
    found = set[str]()
    for name, field in model.model_fields.items():
        place = f"{within}{field.alias or name}"
        found.add(place)
        for inner, is_list in _models(field.annotation):
            found |= fields_of(inner, f"{place}{'[]' if is_list else ''}.")
    return found


def _models(kind: Any, is_list: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    """The models that a value of *kind* may be, or be a list of."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind, is_list
    elif get_origin(kind) is Annotated:
        yield from _models(get_args(kind)[0], is_list)
    elif get_origin(kind) in (Union, UnionType, list):
        for inner in get_args(kind):
            yield from _models(inner, is_list or get_origin(kind) is list)


HEADS = {
    "honoured": ("What is honoured", "takes", "what it does"),
    "refused": ("What is refused", "may be", "because"),
    "ignored": ("What changes nothing", "may be", ""),
}


def printed(table: Table) -> str:
    """*table* in Markdown."""
    return "\n".join(
        "\n".join((f"### {title}", "", f"| field | {takes} | {does} |", "|---|---|---|", *rows, ""))
        for kind, (title, takes, does) in HEADS.items()
        if (rows := [_line(row) for row in table.rows if row.kind == kind])
    )


def _line(row: Row) -> str:
    return f"| `{row.field}` | {row.takes} | {row.does} |"


def _marked(path: str) -> re.Pattern[str]:
    return re.compile(f"(<!-- fields of {re.escape(path)} -->\n).*?(<!-- end -->)", re.DOTALL)


def page_with(table: Table, page: str) -> str:
    """*page* with the fields of *table* where it has a place for them."""
    text = f"\n{printed(table)}\n"
    new, count = _marked(table.path).subn(lambda match: f"{match[1]}{text}{match[2]}", page)
    assert count == 1, f"{PAGE} has no place for the fields of {table.path}"
    return new

"""
JSON Schema's keywords, each of which takes a bounded number of bounded steps.

Expressions are searched in linear time; what the library does in squared time is done
otherwise; and a schema whose parts refer to each other a million times is given up.
"""

from collections.abc import Callable, Collection, Iterator
from contextvars import ContextVar
from typing import Any

import re2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

MAX_STEPS = 100_000  # of one check; half a second

_steps: ContextVar[list[int]] = ContextVar("steps")


class TooLong(Exception):
    pass


def first_error(validator: Any, value: object) -> ValidationError | None:
    """What in *value* breaks the schema of a `BoundedValidator`. Raise `TooLong`."""
    _steps.set([MAX_STEPS])
    error: ValidationError | None = next(validator.iter_errors(value), None)
    return error


def regex(pattern: str) -> Any:
    """Raise `ValueError` for what cannot be searched in linear time and little memory."""
    options = re2.Options()
    options.log_errors, options.max_mem = False, 2**20  # bytes
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(str(error)) from error


Keyword = Callable[[Any, Any, Any, dict[str, Any]], Iterator[ValidationError]]


def _spend(steps: int) -> None:
    left = _steps.get()
    left[0] -= steps
    if left[0] < 0:
        raise TooLong


def _counted(keyword: Keyword) -> Keyword:
    def check(
        validator: Any, value: Any, instance: Any, schema: dict[str, Any]
    ) -> Iterator[ValidationError]:
        _spend(1 + (len(value) if isinstance(value, list | dict) else 0))
        return keyword(validator, value, instance, schema) or iter(())

    return check


def _found(pattern: str, texts: Collection[str]) -> set[str]:
    """Those of *texts* in which *pattern* is found."""
    _spend(10 + sum(1 + len(text) // 1000 for text in texts))
    search = regex(pattern).search
    return {text for text in texts if search(text)}


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _found(pattern, [value]):
        yield ValidationError("pattern")


def _pattern_properties(
    validator: Any, patterns: dict[str, Any], value: Any, _: Any
) -> Iterator[ValidationError]:
    if isinstance(value, dict):
        for pattern, schema in patterns.items():
            for name in _found(pattern, value):
                yield from validator.descend(value[name], schema, path=name)


def _additional_properties(
    validator: Any, wanted: Any, value: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    if isinstance(value, dict):
        more = [name for name in value if name not in schema.get("properties", ())]
        named = {name for p in schema.get("patternProperties", ()) for name in _found(p, more)}
        for name in more:
            if name not in named and wanted is False:
                yield ValidationError("additionalProperties")
            elif name not in named:
                yield from validator.descend(value[name], wanted, path=name)


def _unique_items(_: Any, wanted: bool, value: Any, __: Any) -> Iterator[ValidationError]:
    if wanted and isinstance(value, list) and len(set(map(_key, value))) < len(value):
        yield ValidationError("uniqueItems")


def _key(value: Any) -> object:
    """Equal for equal JSON, and only then."""
    if isinstance(value, dict):
        return ("object", frozenset((name, _key(inner)) for name, inner in value.items()))
    if isinstance(value, list):
        return ("list", tuple(map(_key, value)))
    return (isinstance(value, bool), value)


_OURS: dict[str, Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
BoundedValidator: Any = extend(  # type: ignore[no-untyped-call] # its stubs say nothing
    Draft202012Validator,
    {
        name: _counted(keyword)
        for name, keyword in {**Draft202012Validator.VALIDATORS, **_OURS}.items()
    },
)

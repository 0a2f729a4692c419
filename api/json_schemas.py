"""
JSON Schemas that clients send: what of them is taken, and what follows them.

Whoever wrote a schema may mean harm. Nothing is fetched for it, and neither to read it nor
to check an answer against it takes longer than its bounds allow: its size and depth, the
steps of a check, and expressions that are searched in linear time.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from api.json_keywords import BoundedValidator, TooLong, first_error, regex

MAX_SIZE = 65_536  # characters, as JSON
MAX_DEPTH = 64  # of objects and lists in each other
MAX_PLACE = 80  # characters of where a mistake is
NAMES_WITHIN = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
DATA_WITHIN = ("const", "default", "enum", "example", "examples")
UNKNOWN = ("$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef")
UNBOUNDED = ("unevaluatedItems", "unevaluatedProperties")
HEADS = ("$id", "$schema")  # of a document; what is meant is 2020-12 whatever they say


class BadSchema(ValueError):
    """Says what is wrong and where, in words for whoever wrote the schema."""


class Mismatch(ValueError):
    """Says where the value does not follow the schema."""


def bounded(schema: dict[str, Any]) -> str:
    """*schema* as JSON. Raise `BadSchema` when it is too large, or JSON cannot have it."""
    if _depth(schema) > MAX_DEPTH:
        raise BadSchema(f"it is nested more than {MAX_DEPTH} deep")
    try:
        text = json.dumps(schema, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise BadSchema("it has numbers that JSON does not have") from error
    if len(text) > MAX_SIZE:
        raise BadSchema(f"it has more than {MAX_SIZE} characters")
    return text


def _depth(value: object) -> int:
    """How deep *value* is nested, layer by layer: recursion would end before the answer."""
    depth, layer = 0, [value]
    while layer:
        depth += 1
        layer = [inner for outer in layer for inner in _within(outer)]
        if depth > MAX_DEPTH:
            break
    return depth


def _within(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def check_schema(text: str) -> None:
    """Raise `BadSchema` unless every answer can be checked against the schema in *text*."""
    try:
        _follow(_validator(text), {})
    except (Mismatch, RecursionError) as error:
        if isinstance(error, RecursionError) or error.__cause__ is not None:
            raise BadSchema("it refers to itself without end") from error


def check_value(text: str, value: object) -> None:
    """Raise `Mismatch` unless *value* follows the schema in *text*."""
    try:
        _follow(_validator(text), value)
    except RecursionError as error:
        raise Mismatch("it is nested too deep") from error


def _follow(validator: Any, value: object) -> None:
    try:
        first = first_error(validator, value)
    except (TooLong, Unresolvable, ArithmeticError) as error:
        raise Mismatch("to check it takes too many steps") from error
    if first is not None:
        raise Mismatch(f"{first.json_path[:MAX_PLACE]} breaks `{first.validator}`")


@lru_cache(maxsize=16)  # most clients send the same one again and again
def _validator(text: str) -> Any:
    schema = {key: value for key, value in json.loads(text).items() if key not in HEADS}
    _check_keywords(schema)
    try:
        Draft202012Validator.check_schema(schema, FormatChecker(()))
    except SchemaError as error:
        place = ".".join(str(step) for step in error.path)[:MAX_PLACE]
        raise BadSchema(f"at {place or 'its root'} it is no JSON Schema (2020-12)") from error
    return BoundedValidator(schema, registry=Registry())


def _check_keywords(root: dict[str, Any]) -> None:
    """What cannot be honoured, or not within bounds."""
    waiting: list[tuple[object, bool]] = [(root, False)]
    while waiting:
        value, are_names = waiting.pop()
        if isinstance(value, dict) and not are_names:
            _check_object(root, value)
            waiting += [
                (inner, key in NAMES_WITHIN)
                for key, inner in value.items()
                if key not in DATA_WITHIN
            ]
        else:
            waiting += [(inner, False) for inner in _within(value)]


def _check_object(root: dict[str, Any], schema: dict[str, Any]) -> None:
    for keyword in (*UNKNOWN, *UNBOUNDED, *HEADS):
        if keyword in schema:
            raise BadSchema(f"`{keyword}` is not supported here")
    reference = schema.get("$ref")
    if isinstance(reference, str) and not _leads_somewhere(root, reference):
        raise BadSchema("each `$ref` must lead to a place in the schema itself: #/$defs/…")
    patterns = schema.get("patternProperties")
    for pattern in (schema.get("pattern"), *(patterns if isinstance(patterns, dict) else ())):
        if isinstance(pattern, str):
            _check_pattern(pattern)


def _leads_somewhere(root: object, reference: str) -> bool:
    place: object = root
    mark, *steps = unquote(reference).split("/")
    for step in steps:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, dict) and name in place:
            place = place[name]
        elif isinstance(place, list) and name.isdecimal() and int(name[:9]) < len(place):
            place = place[int(name)]
        else:
            return False
    return mark == "#" and isinstance(place, dict | bool)


def _check_pattern(pattern: str) -> None:
    try:
        regex(pattern)
    except ValueError as error:  # also of half a character
        raise BadSchema(
            "a `pattern` cannot be searched in bounded time: no look-around, no back-references, "
            "no large repetitions"
        ) from error

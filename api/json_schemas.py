"""
JSON Schemas that clients send: what of them is taken, and what follows them.

Whoever wrote a schema may mean harm. Nothing is fetched for it, and neither to read it nor
to check an answer against it takes longer than its bounds allow: its size and depth, the
steps of a check, and expressions that are searched in linear time.
"""

import json
from collections.abc import Iterable, Iterator, Set
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
# Where a schema has others: as a value, in a list, by name.
ONE_WITHIN = (
    *("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"),
)
LISTS_WITHIN = ("allOf", "anyOf", "oneOf", "prefixItems")
NAMES_WITHIN = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
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
        raise Mismatch(f"{first.json_path[:MAX_PLACE]} breaks `{first.validator or 'false'}`")


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
    schemas = list(_schemas(root))
    known = {id(schema) for schema in schemas}
    for schema in schemas:
        for keyword in (*UNKNOWN, *UNBOUNDED, *HEADS):
            if keyword in schema:
                raise BadSchema(f"`{keyword}` is not supported here")
        reference = schema.get("$ref")
        if isinstance(reference, str) and not _leads_to(root, reference, known):
            raise BadSchema("each `$ref` must lead to a schema in the schema itself: #/$defs/…")
        for pattern in (schema.get("pattern"), *_names(schema.get("patternProperties"))):
            if isinstance(pattern, str):
                _check_pattern(pattern)


def _schemas(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """*root* and every schema in it; what stands elsewhere is data, and nobody follows it."""
    waiting: list[object] = [root]
    while waiting:
        schema = waiting.pop()
        if isinstance(schema, dict):
            yield schema
            waiting += [schema.get(keyword) for keyword in ONE_WITHIN]
            for keyword in LISTS_WITHIN:
                waiting += inner if isinstance(inner := schema.get(keyword), list) else ()
            for keyword in NAMES_WITHIN:
                waiting += inner.values() if isinstance(inner := schema.get(keyword), dict) else ()


def _names(value: object) -> Iterable[object]:
    return value if isinstance(value, dict) else ()


def _leads_to(root: object, reference: str, known: Set[int]) -> bool:
    """Whether *reference* is the place of a schema whose identity is *known*."""
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
    return mark == "#" and (isinstance(place, bool) or id(place) in known)


def _check_pattern(pattern: str) -> None:
    try:
        regex(pattern)
    except ValueError as error:  # also of half a character
        raise BadSchema(
            "a `pattern` cannot be searched in bounded time: no look-around, no back-references, "
            "no large repetitions"
        ) from error

"""Which words of JSON Schema are known, and how one that cannot be followed is refused. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bus.errors import BadJob

Schema = Mapping[str, Any]
Refuse = Callable[[str, str], Exception]  # of a keyword, and what is wrong with it

ANNOTATIONS = frozenset(("$comment", "$defs", "$id", "$schema", "default", "definitions"))
ANNOTATIONS |= {"deprecated", "description", "example", "examples", "readOnly", "title"}
ANNOTATIONS |= {"writeOnly"}
OF_KIND: Mapping[str, Sequence[str]] = {
    "object": ("properties", "required", "additionalProperties"),
    "array": ("items", "minItems", "maxItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    "boolean": (),
    "null": (),
}
ALONE = {"$ref": (), "const": ("type",), "enum": ("type",), "anyOf": ()}  # and what goes beside it
TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def kinds_of(schema: Schema, refuse: Refuse) -> list[str]:
    """Of which types a value may be; none if *schema* does not even suggest one."""
    kinds = schema.get("type") or _suggested(schema)
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if any(not isinstance(kind, str) or kind not in OF_KIND for kind in kinds):
        raise refuse("type", f"must be among {', '.join(OF_KIND)}")
    only(schema, ("type", *(word for kind in kinds for word in OF_KIND[kind])), refuse)
    return kinds


def _suggested(schema: Schema) -> list[str]:
    return [kind for kind, words in OF_KIND.items() if any(word in schema for word in words)][:1]


def only(schema: Schema, known: Sequence[str], refuse: Refuse) -> None:
    if unknown := schema.keys() - set(known):
        raise refuse(min(unknown), "is not among the keywords that this model can follow there")


def is_of(value: Any, kinds: Any) -> bool:
    """Whether *value* is of one of the types named; None names all."""
    if kinds is None:
        return True
    names = kinds if isinstance(kinds, list) else [kinds]
    if isinstance(value, bool):  # which is an int in Python
        return "boolean" in names
    return any(name in names and isinstance(value, types) for name, types in TYPES.items())


def count(schema: Schema, keyword: str, refuse: Refuse) -> int | None:
    value = schema.get(keyword)
    if value is not None and (not is_whole(value) or value < 0):
        raise refuse(keyword, "must be a whole number, 0 or more")
    return None if value is None else int(value)


def is_whole(value: Any) -> bool:
    """As JSON Schema sees it: 2.0 is a whole number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)


def at(place: str, *steps: object) -> str:
    return ".".join(map(str, (place, *steps) if place else steps))


def refusal(place: str) -> Refuse:
    def refuse(keyword: str, why: str) -> BadJob:
        where = at(place, keyword) if keyword else place or "it"
        return bad(f"the JSON schema cannot be followed: {where} {why}")

    return refuse


def bad(message: str) -> BadJob:
    return BadJob(message, param="response_format")

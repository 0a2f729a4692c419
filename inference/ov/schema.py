"""
A JSON schema as a grammar: every text of the grammar satisfies the schema.

There is no white space in it: a small model that may write some never stops. A keyword
that cannot be honoured is refused with its place. Pure: knows no model.
"""

import json
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

import msgspec

from bus.messages import Format
from inference.ov.ebnf import Grammar, literal
from inference.ov.keywords import (
    ALONE,
    ANNOTATIONS,
    Refuse,
    Schema,
    at,
    bad,
    count,
    is_of,
    kinds_of,
    only,
    refusal,
)
from inference.ov.scalars import Scalars

DEEPEST = 64  # values in values, as the schema is written


def to_grammar(form: Format, longest_string: int = 0, longest_list: int = 0) -> str:
    """
    The grammar of what satisfies *form*; raise `BadJob` if it cannot be followed.

    *longest_string* (characters) and *longest_list* (items) bound what the schema does not,
    for models that do not find an end by themselves; 0: nothing does.
    """
    grammar = Grammar()
    scalars = Scalars(grammar, longest_string, longest_list)
    if not form.schema:
        return grammar.text(scalars.any_object())
    try:
        schema = msgspec.json.decode(form.schema)
    except (msgspec.DecodeError, RecursionError) as error:
        raise bad(f"the JSON schema is not JSON: {error}") from error
    return _Translator(schema, grammar, scalars).translate()


class _Translator:
    def __init__(self, schema: Any, grammar: Grammar, scalars: Scalars) -> None:
        self._schema, self._grammar, self._scalars = schema, grammar, scalars
        self._references: dict[str, str] = {}
        self._beginnings: dict[str, set[str]] = {}  # of references: those they may begin with
        self._beginning = ""  # the reference whose value has only begun
        self._depth = 0

    def translate(self) -> str:
        start = self._reference("#", "")
        try:
            TopologicalSorter(self._beginnings).prepare()
        except CycleError as error:
            raise refusal("")("$ref", f"goes round in a circle: {error.args[1][0]}") from error
        return self._grammar.text(start)

    def _value(self, schema: Any, place: str) -> str:
        """The rule for what satisfies *schema*."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise refusal(place)("", f"is more than {DEEPEST} values deep")
        if schema is True:
            schema = {}
        if not isinstance(schema, dict):
            raise refusal(place)("", "is no schema of a value")
        rule = self._kept({key: schema[key] for key in schema if key not in ANNOTATIONS}, place)
        self._depth -= 1
        return rule

    def _kept(self, schema: Schema, place: str) -> str:
        """*schema* without annotations."""
        refuse = refusal(place)
        if keyword := next((keyword for keyword in ALONE if keyword in schema), None):
            only(schema, (keyword, *ALONE[keyword]), refuse)
            return self._alone(keyword, schema, place)
        if kinds := kinds_of(schema, refuse):
            return self._grammar.either(self._of(kind, schema, place) for kind in kinds)
        return self._scalars.anything()

    def _alone(self, keyword: str, schema: Schema, place: str) -> str:
        refuse = refusal(place)
        if keyword == "$ref":
            return self._reference(schema["$ref"], place)
        options = schema[keyword] if keyword != "const" else [schema["const"]]
        if not isinstance(options, list) or not options:
            raise refuse(keyword, "must be a list that is not empty")
        if keyword == "anyOf":
            return self._grammar.either(
                self._value(option, at(place, "anyOf", number))
                for number, option in enumerate(options)
            )
        if not (fitting := [option for option in options if is_of(option, schema.get("type"))]):
            raise refuse(keyword, "has nothing of the type")
        return self._grammar.either(literal(_json(option)) for option in fitting)

    def _of(self, kind: str, schema: Schema, place: str) -> str:
        simple = {
            "string": self._scalars.string,
            "integer": self._scalars.integer,
            "number": self._scalars.number,
        }
        if kind in simple:
            return simple[kind](schema, refusal(place))
        if kind == "object":
            return self._object(schema, place)
        if kind == "array":
            return self._array(schema, place)
        return self._grammar.rule('"null"' if kind == "null" else '"true" | "false"')

    def _array(self, schema: Schema, place: str) -> str:
        refuse = refusal(place)
        item = self._within(schema.get("items", True), at(place, "items"))
        least, most = count(schema, "minItems", refuse) or 0, count(schema, "maxItems", refuse)
        if most is not None and most < least:
            raise refuse("maxItems", "is less than minItems")
        return self._scalars.several("[", item, "]", least, most)

    def _object(self, schema: Schema, place: str) -> str:
        refuse = refusal(place)
        declared, required = schema.get("properties", {}), schema.get("required", [])
        others = schema.get("additionalProperties", True)
        if not isinstance(declared, dict):
            raise refuse("properties", "must be an object")
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            raise refuse("required", "must be a list of names")
        if not declared and not required and others is not False:
            value = self._within(others, at(place, "additionalProperties"))
            return self._scalars.map(value)
        pairs = {}
        for name in dict.fromkeys((*declared, *required)):
            value = self._within(declared.get(name, others), at(place, "properties", name))
            pairs[name] = f"{literal(_json(name) + ':')} {value}"
        return self._grammar.rule(f'"{{" {self._in_order(pairs, required)} "}}"')

    def _in_order(self, pairs: Mapping[str, str], required: Sequence[str]) -> str:
        """*pairs* with commas between, in their order; some may be left out."""
        first = after = '""'  # what may follow a brace, and what a pair
        for name, pair in reversed(list(pairs.items())):
            begun, gone_on = f"{pair} {after}", f'"," {pair} {after}'
            if name in required:
                first, after = self._grammar.rule(begun), self._grammar.rule(gone_on)
            else:
                first = self._grammar.either((begun, first))
                after = self._grammar.either((gone_on, after))
        return first

    def _within(self, schema: Any, place: str) -> str:
        """The rule of a value in another one, which may refer to whatever it is in."""
        before, self._beginning = self._beginning, ""
        rule = self._value(schema, place)
        self._beginning = before
        return rule

    def _reference(self, target: Any, place: str) -> str:
        found = self._resolved(target, refusal(place))
        if self._beginning:
            self._beginnings[self._beginning].add(target)
        if target not in self._references:
            self._references[target], self._beginnings[target] = self._grammar.reserve(), set()
            before, self._beginning = self._beginning, target
            rule = self._value(found, target[2:].replace("/", "."))
            self._grammar.define(self._references[target], rule)
            self._beginning = before
        return self._references[target]

    def _resolved(self, target: Any, refuse: Refuse) -> Any:
        found = self._schema
        if not isinstance(target, str) or not f"{target}/".startswith("#/"):
            raise refuse("$ref", "must begin with #/")
        for step in target.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                raise refuse("$ref", f"leads nowhere: {target}")
            found = found[name]
        return found


def _json(value: Any) -> str:
    """*value* as the grammar spells it: characters that cannot be seen are escaped."""
    text = msgspec.json.encode(value).decode()
    return "".join([c if c.isprintable() else json.dumps(c)[1:-1] for c in text])

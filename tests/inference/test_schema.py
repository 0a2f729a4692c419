"""A JSON schema becomes a grammar of what satisfies it, or is refused with the place at fault."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.errors import BadJob
from bus.messages import Format
from inference.ov.ebnf import CHUNK, LARGEST, Grammar
from inference.ov.keywords import ALONE, OF_KIND
from inference.ov.schema import to_grammar

WORDS = st.sampled_from([*(word for words in OF_KIND.values() for word in words), *ALONE, "$defs"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(), inner),
    max_leaves=12,
)
KINDS = st.sampled_from(sorted(OF_KIND))


def refusal(schema: Any) -> str:
    with pytest.raises(BadJob) as caught:
        to_grammar(Format(schema if isinstance(schema, str) else json.dumps(schema)))
    assert caught.value.param == "response_format"
    return str(caught.value)


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "object", "properties": {"n": {"not": {}}}}, "properties.n.not"),
        ({"type": "integer", "multipleOf": 3}, "multipleOf"),
        ({"type": "array", "items": {"type": "date"}}, "items.type"),
        ({"type": "array", "items": False}, "items"),
        ({"type": "string", "maxItems": 3}, "maxItems"),
        ({"type": "string", "minLength": 4, "maxLength": 3}, "maxLength"),
        ({"type": "string", "minLength": -1}, "minLength"),
        ({"type": "string", "format": "hostname"}, "format"),
        ({"type": "string", "format": ["date"]}, "format"),
        ({"type": "string", "pattern": "a", "maxLength": 3}, "pattern"),
        ({"type": "array", "minItems": 4, "maxItems": 3}, "maxItems"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "maximum"),
        ({"type": "integer", "minimum": 0, "maximum": 5000}, "maximum"),
        ({"type": "integer", "minimum": 7}, "minimum"),
        ({"type": "integer", "maximum": 7}, "maximum"),
        ({"type": "integer", "minimum": 0.5}, "minimum"),
        ({"type": "number", "minimum": -1, "maximum": 1}, "minimum"),
        ({"anyOf": [{"type": "null"}, {"oneOf": []}]}, "anyOf.1.oneOf"),
        ({"anyOf": []}, "anyOf"),
        ({"enum": []}, "enum"),
        ({"enum": ["a"], "type": "integer"}, "enum"),
        ({"anyOf": [{"type": "null"}], "minLength": 3}, "minLength"),
        ({"$ref": "#/$defs/Gone"}, "$ref"),
        ({"$ref": "https://example.org/schema"}, "$ref"),
        ({"$ref": "#"}, "$ref"),
        ({"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}]}}, "$ref": "#/$defs/A"}, "$ref"),
        ({"$defs": {"A": {"items": {"x": 1}}}, "items": {"$ref": "#/$defs/A"}}, "$defs.A.items.x"),
        ({"type": "object", "required": "all"}, "required"),
        ({"type": "object", "required": ["a"], "additionalProperties": False}, "properties.a"),
        ({"type": "object", "properties": []}, "properties"),
        ([], "it is no schema"),
        (False, "it is no schema"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_its_place(schema: Any, place: str) -> None:
    assert f" {place} " in f"{refusal(schema)} "


def test_a_loop_that_hides_behind_others_is_found() -> None:
    """B is translated inside A, and only then begins A with B."""
    inside = {"type": "object", "properties": {"b": {"$ref": "#/$defs/B"}}}
    schema = {
        "$defs": {
            "A": {"anyOf": [inside, {"$ref": "#/$defs/B"}]},
            "B": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]},
        },
        "$ref": "#/$defs/A",
    }
    assert "goes round in a circle" in refusal(schema)


@pytest.mark.parametrize(
    "pattern",
    ["(a", "a)", "[a", "a**", "*a", "(?=a)", "(?P<n>a)", "\\b", "\\1", "a{3,2}", "[z-a]", "a\\",
     "^a^", "a$b", "[\\d-z]", 25 * "(" + 25 * ")", "\x00", "[]", "x{",
     "x{1000000000}", "(a{0}){900000000}", "(a|b)*a(a|b){12}", "^(a?b?c?d?e?){300}$"],
)  # fmt: skip
def test_a_pattern_that_is_not_understood_is_refused(pattern: str) -> None:
    message = refusal({"type": "object", "properties": {"p": {"pattern": pattern}}})
    assert "properties.p.pattern" in message


def test_a_schema_that_is_no_json_or_too_deep_or_too_large_is_refused() -> None:
    assert "is not JSON" in refusal('{"type": ')
    assert "is not JSON" in refusal(100_000 * "[")
    deep: Any = {"type": "null"}
    for _ in range(70):
        deep = {"type": "array", "items": deep}
    assert "64 values deep" in refusal(deep)
    assert "too large" in refusal(
        {"properties": {f"p{n}": {"type": "string", "maxLength": 300 + n} for n in range(300)}}
    )
    assert "too large" in refusal({"enum": [f"{n:0100d}" for n in range(LARGEST // 100)]})


@given(
    JSON | st.builds(lambda kind, rest: {"type": kind} | rest, KINDS, st.dictionaries(WORDS, JSON))
)
@settings(deadline=None, max_examples=300)
def test_whatever_is_sent_as_a_schema_is_a_grammar_or_refused(schema: Any) -> None:
    try:
        assert to_grammar(Format(json.dumps(schema))).startswith("root ::= ")
    except BadJob as error:
        assert error.param == "response_format"


def test_long_texts_are_counted_in_chunks() -> None:
    grammar = Grammar()
    grammar.repeat(grammar.rule("[a-z]"), 100_000, 10**9)
    counts = [int(word) for word in counted(grammar.text("r0"))]
    assert max(counts) <= CHUNK


def counted(text: str) -> list[str]:
    return [number for part in text.split("{")[1:] for number in part.split("}")[0].split(",")]


def test_a_small_model_gets_bounds_where_the_schema_has_none() -> None:
    free = to_grammar(Format('{"type": "array", "items": {"type": "string"}}'))
    bound = to_grammar(Format('{"type": "array", "items": {"type": "string"}}'), 20, 3)
    assert "*" in free
    assert "*" not in bound
    assert "{0,20}" in bound
    assert "{0,2}" in bound

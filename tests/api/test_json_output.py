"""JSON is what was asked for or an error; what a stranger's schema may cost is bounded."""

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from api.json_output import check, schema_format, schema_text
from api.json_schemas import MAX_DEPTH, MAX_SIZE
from bus.errors import BadJob, BadOutput
from bus.messages import Format

PEOPLE = {
    "type": "object",
    "properties": {"people": {"type": "integer"}, "who": {"type": "string", "pattern": "^[a-z]+$"}},
    "required": ["people"],
    "additionalProperties": False,
}


def form(schema: dict[str, Any]) -> Format:
    return asyncio.run(schema_format("scene", schema, True, "text.schema"))


def checked(schema: dict[str, Any], answer: str) -> None:
    asyncio.run(check(form(schema), answer))


def mistake(schema: dict[str, Any], answer: str) -> str:
    with pytest.raises(BadOutput) as raised:
        checked(schema, answer)
    return str(raised.value)


def refusal(schema: dict[str, Any]) -> str:
    with pytest.raises(BadJob) as raised:
        form(schema)
    assert raised.value.param == "text.schema"
    return str(raised.value)


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth - 1):
        schema = {"not": schema}
    return schema


def doubling(end: object) -> dict[str, Any]:
    """To follow it means to follow its end two to the power of forty times."""
    steps: dict[str, Any] = {
        f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)
    }
    return {"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**steps, "d40": end}}


@pytest.mark.parametrize(
    "answer", ['{"people": 2}', ' {"people":2,"who":"me"}\n', '{"people": 2.0}']
)
def test_an_answer_that_follows_its_schema_passes(answer: str) -> None:
    checked(PEOPLE, answer)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "not valid JSON"),
        ("Two people.", "not valid JSON"),
        ('```json\n{"people": 2}\n```', "not valid JSON"),
        ('{"people": NaN}', "not valid JSON"),
        ('{"people": 2} {"people": 2}', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "$ breaks `type`"),
        ("{}", "$ breaks `required`"),
        ('{"people": "two"}', "$.people breaks `type`"),
        ('{"people": 2, "dogs": 1}', "`additionalProperties`"),
        ('{"people": 2, "who": "Ann"}', "$.who breaks `pattern`"),
    ],
)
def test_an_answer_that_does_not_is_an_error_that_says_where(answer: str, why: str) -> None:
    assert why in mistake(PEOPLE, answer)


def test_any_object_will_do_where_no_schema_is_given() -> None:
    asyncio.run(check(Format(), '{"a": [1, null]}'))
    for answer in ("[]", "5", "null", '"{}"', "{"):
        with pytest.raises(BadOutput):
            asyncio.run(check(Format(), answer))


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}}, "{}"),
        ({"$defs": {"a/b~c": {"type": "integer"}}, "$ref": "#/$defs/a~1b~0c"}, "5"),
        ({"$defs": {"n": {"properties": {"n": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"}, "{}"),
        ({"properties": {"child": {"$ref": "#"}}}, '{"child": {"child": {}}}'),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, "null"),
        ({"enum": ["a", {"b": [1]}]}, '{"b": [1]}'),
        ({"prefixItems": [{"type": "integer"}], "items": False}, "[1]"),
        (
            {"patternProperties": {"^a": {"type": "integer"}}, "additionalProperties": False},
            '{"ab": 1}',
        ),
        ({"uniqueItems": True}, '[1, true, "1", {"a": 1}, {"a": 2}]'),
        ({"format": "date-time"}, '"tomorrow"'),
        ({"type": "string", "pattern": "^\\d{4}-\\d\\d$"}, '"2026-11"'),
        ({"properties": {"$ref": {"type": "string"}, "unevaluatedItems": {}}}, '{"$ref": "a"}'),
        ({"const": {"$ref": "http://a"}}, '{"$ref": "http://a"}'),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "integer"}, "5"),
        ({"$id": "https://a.example/b.json", "$ref": "#/$defs/a", "$defs": {"a": {}}}, "5"),
    ],
    ids=str,
)
def test_schemas_as_people_and_libraries_write_them_work(
    schema: dict[str, Any], answer: str
) -> None:
    checked(schema, answer)


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({"patternProperties": {"^a": {"type": "integer"}}}, '{"ab": "1"}'),
        ({"patternProperties": {"^a": {}}, "additionalProperties": False}, '{"b": 1}'),
        ({"additionalProperties": {"type": "integer"}}, '{"b": "1"}'),
        ({"uniqueItems": True}, '[{"a": 1, "b": 2}, {"b": 2.0, "a": 1}]'),
        ({"multipleOf": 0.5}, "0.3"),
        ({"multipleOf": 0.1}, "1" + "0" * 400),
    ],
    ids=str,
)
def test_keywords_that_are_checked_in_our_own_way_are_checked(
    schema: dict[str, Any], answer: str
) -> None:
    mistake(schema, answer)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "thing"},
        {"properties": {"a": {"type": 5}}},
        {"properties": []},
        {"properties": {"a": {"minLength": -1}}},
        {"required": "a"},
    ],
    ids=str,
)
def test_what_is_no_json_schema_is_refused_with_the_place(schema: dict[str, Any]) -> None:
    assert "it is no JSON Schema" in refusal(schema)


@pytest.mark.parametrize(
    "reference",
    [
        *("http://127.0.0.1:1/a.json", "https://json-schema.org/draft/2020-12/schema"),
        *("file:///etc/passwd", "a.json", "#a", "#/nowhere", "#/properties", "#/enum/0", ""),
        *("#/default", "#/x-more", "#/enum", "#/properties/b", "//a.example/b", "#/%24defs/c"),
    ],
)
def test_a_reference_leads_into_the_schema_itself_and_nothing_is_fetched(reference: str) -> None:
    wrong = {
        "properties": {"a": {"$ref": reference}},
        "enum": ["b", {}],
        "default": {"required": 5},
        "x-more": {"pattern": 5},
    }
    assert "`$ref`" in refusal(wrong)
    assert reference not in refusal(wrong) or len(reference) < 3


@pytest.mark.parametrize(
    "keyword", ["$id", "$anchor", "$dynamicRef", "unevaluatedProperties", "unevaluatedItems"]
)
def test_keywords_whose_price_nobody_knows_are_refused_by_name(keyword: str) -> None:
    assert f"`{keyword}`" in refusal({"properties": {"a": {keyword: "b"}}})


@pytest.mark.parametrize(
    "pattern", ["(?=a)b", "(a)\\1", "(?<!a)b", "(a{500}){500}", "((((", "\ud800"], ids=ascii
)
def test_expressions_that_cannot_be_searched_in_bounded_time_are_refused(pattern: str) -> None:
    assert "`pattern`" in refusal({"properties": {"a": {"pattern": pattern}}})
    assert "`pattern`" in refusal({"patternProperties": {pattern: {}}})


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
    ],
    ids=str,
)
def test_a_schema_that_never_ends_is_refused(schema: dict[str, Any]) -> None:
    assert "without end" in refusal(schema)


def test_a_schema_is_neither_too_large_nor_too_deep() -> None:
    form(nested(MAX_DEPTH))
    assert "deep" in refusal(nested(MAX_DEPTH + 1))
    assert "deep" in refusal(nested(900))
    form({"description": "a" * (MAX_SIZE - 20)})
    assert "characters" in refusal({"description": "a" * MAX_SIZE})
    assert "numbers" in refusal({"const": float("nan")})
    with pytest.raises(BadJob) as raised:
        schema_text({"a": "b" * MAX_SIZE}, "tools[0].function.parameters")
    assert raised.value.param == "tools[0].function.parameters"


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        (doubling({"type": "integer"}), '{"a": 1}'),
        ({"properties": {"a": {"pattern": "^(a+)+$"}}}, f'{{"a": "{"a" * 300_000}!"}}'),
        ({"properties": {"a": {"pattern": "(x*)*y"}}}, f'{{"a": "{"x" * 300_000}"}}'),
        (
            {"patternProperties": {f"^{i}(a|b|\\w)*z": {} for i in range(1000)}},
            "{" + ",".join(f'"k{i}":1' for i in range(20_000)) + "}",
        ),
        (
            {
                "patternProperties": {f"^{i}(a|b|\\w)*z": {} for i in range(1000)},
                "additionalProperties": {"type": "string"},
            },
            "{" + ",".join(f'"k{i}":1' for i in range(20_000)) + "}",
        ),
        ({"uniqueItems": True}, "[" + ",".join(["{}"] * 50_000) + "]"),
        ({"items": {"enum": [str(i) for i in range(7000)]}}, f"[{','.join(['1'] * 20_000)}]"),
        (
            {"items": {"contains": {"items": {"contains": {"const": 5}}}}},
            f"[{','.join(['[' + ','.join(['[1,1,1]'] * 300) + ']'] * 300)}]",
        ),
        (
            {"$defs": {"n": {"properties": {"n": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"},
            '{"n":' * 900 + "1" + "}" * 900,
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_meant_to_take_for_ever_takes_a_moment(schema: dict[str, Any], answer: str) -> None:
    began = monotonic()
    mistake(schema, answer)
    assert monotonic() - began < 10  # a quiet machine takes less than one


def test_while_a_schema_is_checked_others_are_served(run: Any) -> None:
    async def scenario() -> None:
        wanted = await schema_format("a", doubling({"type": "integer"}), True, "a")
        checking = asyncio.create_task(check(wanted, '{"a": 1}'))
        turns = 0
        while not checking.done():
            await asyncio.sleep(0)
            turns += 1
        with pytest.raises(BadOutput):
            await checking
        assert turns > 5

    run(scenario())


WORDS = st.sampled_from(
    [
        *("type", "properties", "items", "allOf", "anyOf", "not", "if", "then", "$ref", "$defs"),
        *("pattern", "patternProperties", "additionalProperties", "enum", "const", "required"),
        *("minimum", "multipleOf", "uniqueItems", "contains", "minContains", "prefixItems"),
        *("propertyNames", "dependentSchemas", "dependentRequired", "maxLength", "format", "a"),
    ]
)
LEAVES = st.one_of(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False),
    st.sampled_from(["#", "#/$defs/a", "#/items", "object", "array", "string", "integer", "^a"]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(WORDS, VALUES, max_size=4), VALUES)
def test_any_json_is_a_schema_or_is_refused_and_any_answer_fits_or_does_not(
    schema: dict[str, Any], value: object
) -> None:
    with suppress(BadJob, BadOutput):
        checked(schema, msgspec.json.encode(value).decode())

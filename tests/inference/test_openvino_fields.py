"""What the demo model does with log-probabilities, formats, and all that goes beside them."""

import asyncio
import json
import math
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.errors import BadJob, ContextTooLong, Unsupported
from bus.messages import Finished, Format, Sampling, TokenScore, ToolCall
from inference.engine import Turn
from inference.engines.openvino import OpenVinoEngine
from inference.ov.scores import Scores, token_bytes
from tests.inference.test_openvino import DEMO, DESCRIBE, Loop, opened, scene

PICTURE = scene(4)[0]
WILD: dict[str, Any] = {"temperature": 60.0, "max_tokens": 300}  # all that a grammar allows
BOOLEAN, INTEGER, STRING = {"type": "boolean"}, {"type": "integer"}, {"type": "string"}


@dataclass(frozen=True)
class Told:
    text: str
    scores: list[TokenScore]
    end: Finished


@dataclass(frozen=True)
class Demo:
    """The demo model, asked about one picture."""

    loop: Loop
    engine: OpenVinoEngine

    def ask(self, question: str = DESCRIBE, **sampling: Any) -> Told:
        return self.loop.run(self.told(question, **sampling))

    def json(self, schema: Any, **sampling: Any) -> Told:
        return self.ask(format=Format(json.dumps(schema)), **sampling)

    async def told(self, question: str, **sampling: Any) -> Told:
        text, scores = "", list[TokenScore]()
        turns = [Turn("user", (PICTURE, question))]
        async with aclosing(self.engine.generate(turns, Sampling(**sampling))) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return Told(text, scores, event)
                text += event.text
                scores += event.scores
        raise AssertionError("no last event")


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    loop, stack = Loop(), AsyncExitStack()
    with loop.runner:
        yield Demo(loop, loop.run(opened(stack, DEMO)))
        loop.run(stack.aclose())


def record(*required: str, **properties: Any) -> dict[str, Any]:
    """An object with these properties; all of them if none is said to be required."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required or properties),
        "additionalProperties": False,
    }


def likely(scores: list[TokenScore]) -> bytes:
    return b"".join(score.chosen.data for score in scores)


def test_it_says_what_it_can_do(demo: Demo) -> None:
    assert demo.engine.abilities == {"logprobs", "json", "json_schema"}


def test_each_token_of_the_text_is_told_with_its_probability(demo: Demo) -> None:
    told = demo.ask(logprobs=0)
    assert likely(told.scores) == told.text.encode()
    assert [score.chosen.token for score in told.scores][:3] == ["A", " yellow", " truck"]
    assert len(told.scores) == told.end.completion_tokens - 1  # less the end token
    assert all(-0.7 < score.chosen.logprob <= 0 for score in told.scores)
    assert not any(score.others for score in told.scores)
    assert not demo.ask().scores


def test_an_unlikely_token_is_told_to_be_so(demo: Demo) -> None:
    told = demo.ask(logprobs=0, temperature=100.0, seed=3, max_tokens=20, min_tokens=20)
    assert min(score.chosen.logprob for score in told.scores) < math.log(0.01)


def test_half_a_character_is_told_as_its_bytes(demo: Demo) -> None:
    told = demo.json({"const": "é🙂"}, logprobs=0)
    assert told.text == '"é🙂"'
    assert [score.chosen.data for score in told.scores] == [
        b'"', b"\xc3", b"\xa9", b"\xf0", b"\x9f", b"\x99", b"\x82", b'"',
    ]  # fmt: skip
    assert told.scores[1].chosen.token == "\ufffd"


def test_tokens_behind_a_stop_string_are_not_told(demo: Demo) -> None:
    told = demo.ask(logprobs=0, stop=("ck on",))
    assert told.text == "A yellow tru"
    assert [score.chosen.token for score in told.scores] == ["A", " yellow", " truck"]
    assert told.end.reason == "stop"


def test_an_answer_cut_short_has_a_score_for_each_token(demo: Demo) -> None:
    told = demo.ask(logprobs=0, max_tokens=4)
    assert (len(told.scores), told.end.reason) == (4, "length")


def test_scores_wait_for_their_text_and_none_is_lost() -> None:
    scores = Scores()
    for data in (b"a", b"\xc3", b"\xa9", b"b"):
        scores.add(data, -1.0)
    assert likely(list(scores.read("a"))) == b"a"
    assert scores.read("") == ()
    assert likely(list(scores.read("é"))) == "é".encode()
    assert likely(list(scores.rest())) == b"b"
    assert scores.rest() == ()


def test_both_ways_to_write_a_vocabulary_give_bytes() -> None:
    pieces = {"▁the".encode(): 0, b"<0x0A>": 1, b"<0xE2>": 2, b"</s>": 3}
    assert token_bytes(pieces) == {0: b" the", 1: b"\n", 2: b"\xe2", 3: b"</s>"}
    by_bytes = {b" the": 0, b"\xe2": 1, b"<0xE2>": 2}
    assert token_bytes(by_bytes) == {0: b" the", 1: b"\xe2", 2: b"<0xE2>"}


NODE = record("value", value=BOOLEAN, next={"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]})
SCHEMAS: dict[str, Any] = {
    "a record": record(person=BOOLEAN, count=INTEGER),
    "texts": record(what=STRING, where={"type": "string", "maxLength": 12}),
    "a choice": record(colour={"enum": ["red", "green", 'a "quoted" é\n', None, 3]}),
    "nothing": record(),
    "optional parts": record("b", a=BOOLEAN, b=INTEGER, c=STRING, d={"type": "null"}),
    "a list": {"type": "array", "items": record(kind=STRING), "minItems": 1, "maxItems": 3},
    "a list of two": {"type": "array", "items": BOOLEAN, "minItems": 2, "maxItems": 2},
    "or null": record(name={"type": ["string", "null"], "minLength": 2}),
    "ranges": record(n={"type": "integer", "minimum": -3, "maximum": 12}, p={"minimum": 0}),
    "a share": record(share={"type": "number", "minimum": 0, "maximum": 1}),
    "from one": record(n={"type": "integer", "minimum": 1}, m={"exclusiveMinimum": -1}),
    "either": {"anyOf": [BOOLEAN, record(why=STRING), {"const": {"a": [1, 2]}}]},
    "itself": {"$defs": {"Node": NODE}, "$ref": "#/$defs/Node"},
    "a tree": record("n", n=INTEGER, kids={"type": "array", "items": {"$ref": "#"}}),
    "a map": {"type": "object", "additionalProperties": INTEGER},
    "anything": {},
    "a long text": {"type": "string", "minLength": 100, "maxLength": 5000},
    "a plate": record(plate={"type": "string", "pattern": "^[A-Z]{1,3}-[A-Z]{2} \\d{1,4}$"}),
    "what is found": {"type": "string", "pattern": "cat|do+g"},
    "not letters": {"type": "string", "pattern": '^[^a-zA-Z]{4}["\\\\](x|yy)?$'},
    "a day": record(day={"type": "string", "format": "date-time"}, id={"format": "uuid"}),
    "unseen characters": record(**{"\x7f0\u200bf\U000e00010é0🙂f": {"enum": ["\x7fa", "\u2028b"]}}),
    "names to escape": record(**{'a "b" \\ é\t': BOOLEAN, "": BOOLEAN}),
}  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_json_follows_its_schema(demo: Demo, schema: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert_follows(demo.json(schema, max_tokens=600), schema)
    for seed in range(4):
        assert_follows(demo.json(schema, seed=seed, **WILD), schema)


def assert_follows(told: Told, schema: Any) -> None:
    if told.end.reason == "stop":
        jsonschema.validate(json.loads(told.text), schema)


@pytest.mark.parametrize("name", ["a record", "optional parts", "itself", "a map"])
def test_the_demo_model_comes_to_an_end(demo: Demo, name: str) -> None:
    told = demo.json(SCHEMAS[name])
    assert told.end.reason == "stop"
    jsonschema.validate(json.loads(told.text), SCHEMAS[name])


def test_a_person_gets_json_about_a_picture(demo: Demo) -> None:
    told = demo.json(SCHEMAS["a record"])
    said = json.loads(told.text)
    assert said.keys() == {"person", "count"}
    assert type(said["person"]) is bool
    assert type(said["count"]) is int
    assert not re.search(r"\s", told.text)


def test_any_json_is_an_object(demo: Demo) -> None:
    told = demo.ask(format=Format())
    assert told.end.reason == "stop"
    assert isinstance(json.loads(told.text), dict)
    for seed in range(6):
        told = demo.ask(format=Format(), seed=seed, **WILD)
        if told.end.reason == "stop":
            assert isinstance(json.loads(told.text), dict)


LEAVES = st.sampled_from(
    [
        *(BOOLEAN, INTEGER, STRING, {"type": "number"}, {"type": "null"}, True),
        *({"enum": ["a", 1, None]}, {"type": "string", "minLength": 3, "maxLength": 70}),
        *({"type": ["integer", "null"], "minimum": 1}, {"pattern": "^(a|b[c-e]){2}$"}),
    ]
)
RECORDS = st.dictionaries(st.text(max_size=6), LEAVES, max_size=4)
ANY_SCHEMA = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda n, item: {"items": item, "maxItems": n}, st.integers(0, 40), inner),
        st.builds(lambda parts: {"type": "object", "properties": parts}, RECORDS),
        st.builds(lambda parts: record(**parts), st.dictionaries(st.text(max_size=6), inner)),
    ),
    max_leaves=8,
)


@given(ANY_SCHEMA, st.integers(0, 999))
@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_grammar_compiles_and_keeps_its_promise(demo: Demo, schema: Any, seed: int) -> None:
    assert_follows(demo.json(schema, seed=seed, temperature=60.0, max_tokens=60), schema)


PIECES = ["a", "é", "[a-c]", "[^x]", r"\d", r"\S", ".", "(b|cc)", "(?:d|e+)", '"', r"\\", " "]
COUNTS = ["", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "{40}", "+?"]
PART = st.builds(str.__add__, st.sampled_from(PIECES), st.sampled_from(COUNTS))
PATTERN = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "^"]),
    st.lists(PART, min_size=1, max_size=4).map("".join),
    st.sampled_from(["", "$", "|x", "$|^y$"]),
)


@given(PATTERN, st.integers(0, 999))
@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_text_fits_its_pattern(demo: Demo, pattern: str, seed: int) -> None:
    try:
        told = demo.json({"pattern": pattern}, seed=seed, logprobs=0, **WILD | {"max_tokens": 60})
    except BadJob as error:
        assert "too large" in str(error)
        return
    unmarked = likely(told.scores) == told.text.encode()  # no <image> or the like among it
    if told.end.reason == "stop" and unmarked:
        assert re.search(pattern, json.loads(told.text))


def test_a_schema_that_cannot_be_followed_disturbs_nobody(demo: Demo) -> None:
    async def both() -> Told:
        beside = asyncio.create_task(demo.told(DESCRIBE))
        bad = Format(json.dumps(record(n={"type": "integer", "multipleOf": 2})))
        with pytest.raises(BadJob, match=r"properties\.n\.multipleOf") as caught:
            await demo.told(DESCRIBE, format=bad)
        assert caught.value.param == "response_format"
        return await beside

    pid = demo.loop.run(demo.engine.child.present()).pid
    assert demo.loop.run(both()).text == "A yellow truck on the left, in daylight."
    assert demo.loop.run(demo.engine.child.present()).pid == pid


def test_chats_with_and_without_a_format_run_side_by_side(demo: Demo) -> None:
    async def all_at_once() -> list[Told]:
        form = Format(json.dumps(SCHEMAS["a record"]))
        return await asyncio.gather(
            *(demo.told(DESCRIBE, format=form if n % 2 else None) for n in range(6))
        )

    texts = [told.text for told in demo.loop.run(all_at_once())]
    assert set(texts[::2]) == {"A yellow truck on the left, in daylight."}
    assert all(json.loads(text).keys() == {"person", "count"} for text in texts[1::2])


def test_other_fields_keep_working_beside_a_format(demo: Demo) -> None:
    schema = record(a=STRING, b=STRING)
    whole = demo.json(schema)
    cut = demo.json(schema, stop=(',"b"',))
    assert cut.text == whole.text[: whole.text.index(',"b"')]
    assert cut.end.reason == "stop"
    assert demo.json(schema, max_tokens=3).end.reason == "length"
    assert demo.json(schema, presence_penalty=2.0, frequency_penalty=2.0).text != whole.text
    one, same, other = (demo.json(schema, seed=seed, temperature=2.0).text for seed in (1, 1, 2))
    assert one == same != other
    assert demo.json({"const": 1}, min_tokens=40, max_tokens=50).text == "1"


def test_scores_of_json_are_those_of_its_text(demo: Demo) -> None:
    told = demo.json(SCHEMAS["texts"], logprobs=0)
    assert likely(told.scores) == told.text.encode()


def test_functions_are_refused_by_name(demo: Demo) -> None:
    call = ToolCall("c1", "look", "{}")
    for turn in (Turn("assistant", (), (call,)), Turn("tool", ("a cat",), call_id="c1")):
        with pytest.raises(Unsupported, match="calls no functions") as caught:
            demo.loop.run(answered(demo.engine, turn))
        assert caught.value.param == "messages"


async def answered(engine: OpenVinoEngine, turn: Turn) -> None:
    turns = [Turn("user", ("Hello",)), turn]
    async with aclosing(engine.generate(turns, Sampling())) as events:
        await anext(events)


def test_the_context_bounds_json_too(demo: Demo) -> None:
    endless = Format(json.dumps({"type": "string", "minLength": 4000}))
    asked = demo.ask(DESCRIBE).end.prompt_tokens
    told = demo.ask(DESCRIBE + 1900 * " the", format=endless, max_tokens=9000)
    assert told.end == Finished("length", asked + 1900, 2048 - asked - 1900)
    with pytest.raises(ContextTooLong, match=f"is 2048 tokens.* have {asked + 2100}"):
        demo.ask(DESCRIBE + 2100 * " the", format=Format())

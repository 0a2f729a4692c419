"""What a server can do is found out once, and what it cannot is refused by name."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bus.errors import BadJob, EngineError, Unsupported
from bus.messages import Format, Sampling, Tool
from inference.engine import Turn
from inference.upstream.client import Upstream, open_upstream
from inference.upstream.endpoint import COMPATIBLE, MLC, VLLM, Dialect, Endpoint
from tests.conftest import Run
from tests.inference.contract import SHORT, answered, scene
from tests.inference.upstream_server import (
    Asked,
    Behaviour,
    Reply,
    connected,
    expects,
    refuses,
    resets,
    says,
)

EVERYTHING = {"logprobs", "top_logprobs", "logit_bias", "json", "json_schema", "tools"}
FORM = "response_format"


def unless(refused: Callable[[Asked], bool], behaviour: Behaviour, status: int = 400) -> Behaviour:
    """*behaviour*, but what is *refused* is."""

    async def either(asked: Asked, reply: Reply) -> None:
        no = refuses(status, {"error": {"message": "tools are not supported"}})
        await (no if refused(asked) else behaviour)(asked, reply)

    return either


async def found(chat: Behaviour, dialect: Dialect = VLLM) -> tuple[set[str], Upstream]:
    async with connected(chat, dialect=dialect) as (engine, _):
        return set(await engine.probe()), engine


@pytest.mark.parametrize(
    ("refused", "missing"),
    [
        (lambda asked: False, set[str]()),
        (lambda asked: "tools" in asked.body, {"tools"}),
        (lambda asked: "logit_bias" in asked.body, {"logit_bias"}),
        (lambda asked: FORM in asked.body, {"json", "json_schema"}),
        (lambda asked: asked.body.get(FORM, {}).get("type") == "json_schema", {"json_schema"}),
        (lambda asked: "top_logprobs" in asked.body, {"top_logprobs"}),
        (lambda asked: "logprobs" in asked.body, {"logprobs", "top_logprobs"}),
    ],
)
def test_what_is_refused_is_no_ability(
    run: Run, refused: Callable[[Asked], bool], missing: set[str]
) -> None:
    async def scenario() -> None:
        abilities, _ = await found(unless(refused, expects(a=0.5, b=0.25)))
        assert abilities == EVERYTHING - missing

    run(scenario())


def test_what_is_silently_left_out_is_no_ability(run: Run) -> None:
    async def scenario() -> None:
        abilities, _ = await found(says("a cat"))
        assert abilities == EVERYTHING - {"logprobs", "top_logprobs"}

    run(scenario())


def test_what_fails_with_its_name_is_no_ability(run: Run) -> None:
    async def scenario() -> None:
        chat = unless(lambda asked: "tools" in asked.body, expects(a=0.5, b=0.2), 500)
        assert (await found(chat))[0] == EVERYTHING - {"tools"}

    run(scenario())


def test_of_an_unknown_server_nothing_is_believed_that_cannot_be_seen(run: Run) -> None:
    async def scenario() -> None:
        assert (await found(expects(a=0.5, b=0.2), COMPATIBLE))[0] == EVERYTHING - {"logit_bias"}
        assert (await found(expects(a=0.5, b=0.2), MLC))[0] == EVERYTHING - {"tools"}

    run(scenario())


@pytest.mark.parametrize("most", [0, 1, 8])
def test_how_many_pictures_it_takes_is_found_out(run: Run, most: int) -> None:
    async def scenario() -> None:
        chat = unless(lambda asked: len(asked.pictures) > most, says("a cat"))
        _, engine = await found(chat)
        assert engine.judges_series == (most > 1)

    run(scenario())


def test_fewer_likely_tokens_are_better_than_none(run: Run) -> None:
    async def scenario() -> None:
        chat = unless(lambda asked: asked.body.get("top_logprobs", 0) > 5, expects(yes=0.5, no=0.5))
        async with connected(chat) as (engine, _):
            assert "top_logprobs" in await engine.probe()
            assert (await engine.judge([scene()], ["?"])).scores == (0.5,)
            with pytest.raises(Unsupported, match="5 likely tokens at most"):
                await answered(engine, HELLO, Sampling(logprobs=6))

    run(scenario())


HELLO = [Turn("user", ("hello",))]


def test_what_is_known_is_not_asked_again(run: Run) -> None:
    async def scenario() -> None:
        async with connected(expects(a=0.5, b=0.2)) as (engine, server):
            known = await engine.probe()
            asked = len(server.asked)
            assert all(one.body["max_tokens"] == 1 for one in server.asked)
            assert await engine.probe() == known
            assert len(server.asked) == asked

    run(scenario())


def test_a_server_that_fails_is_asked_again_later(run: Run) -> None:
    async def scenario() -> None:
        async with connected(resets) as (engine, server):
            with pytest.raises(EngineError):
                await engine.probe()
            server.chat = unless(lambda asked: "tools" in asked.body, resets_json)
            assert await engine.probe() >= {"json", "json_schema"}  # unknown is no no
            server.chat = unless(lambda asked: FORM in asked.body, expects(a=0.5, b=0.5))
            assert await engine.probe() == EVERYTHING - {"tools", "json", "json_schema"}

    run(scenario())


async def resets_json(asked: Asked, reply: Reply) -> None:
    await (resets if FORM in asked.body else expects(a=0.5, b=0.5))(asked, reply)


@pytest.mark.parametrize(
    ("sampling", "param"),
    [
        (Sampling(logprobs=0), "logprobs"),
        (Sampling(logit_bias=((1, 2.0),)), "logit_bias"),
        (Sampling(format=Format()), "response_format"),
        (Sampling(format=Format("{}")), "response_format"),
        (Sampling(tools=(Tool("look"),)), "tools"),
    ],
)
def test_what_it_cannot_do_is_refused_without_asking_it(
    run: Run, sampling: Sampling, param: str
) -> None:
    async def scenario() -> None:
        plain = {"model", "messages", "stream", "stream_options", "max_tokens", "temperature"}
        async with connected(unless(lambda asked: set(asked.body) > plain, says("yes"))) as (
            engine,
            server,
        ):
            assert await engine.probe() == set()
            asked = len(server.asked)
            with pytest.raises(Unsupported, match="the engine of this model") as refused:
                await answered(engine, HELLO, sampling)
            assert refused.value.param == param
            assert len(server.asked) == asked
            await answered(engine, HELLO, SHORT)

    run(scenario())


@pytest.mark.parametrize(
    ("words", "score"),
    [
        ({"Yes": 0.6, "No": 0.2}, pytest.approx(0.75)),
        ({"no": 0.5, "_yes": 0.25, "YES": 0.25}, 0.5),
        ({"The": 0.4, "yes": 0.3}, 1.0),
        ({"No.": 0.4, "**Yes": 0.1, "no,": 0.1, "maybe": 0.4}, pytest.approx(0.1 / 0.6)),
        ({"Ġno": 0.3, "▁Yes": 0.6}, pytest.approx(2 / 3)),
        ({"The": 0.5, "A": 0.5}, None),
        ({"<think>": 0.999, "yes": 0.0001}, None),
        ({"Yesterday": 0.9, "nobody": 0.1}, None),
    ],
)
def test_a_score_is_how_likely_a_yes_is_against_a_no(
    run: Run, words: dict[str, float], score: object
) -> None:
    async def scenario() -> None:
        async with connected(expects(**words)) as (engine, _):
            judgement = await engine.judge([scene()], ["Is there a car?"])
        assert judgement.by == "logits"
        assert judgement.scores == (score,)

    run(scenario())


def test_questions_are_asked_side_by_side_about_the_same_pictures(run: Run) -> None:
    together = asyncio.Barrier(3)

    async def waits_for_two_others(asked: Asked, reply: Reply) -> None:
        await together.wait()
        question = asked.body["messages"][1]["content"][-1]["text"]
        share = float(question.split()[-1])
        await expects(yes=share, no=1 - share)(asked, reply)

    async def scenario() -> None:
        async with connected(waits_for_two_others, slots=4) as (engine, server):
            questions = [f"Is it {share}" for share in (0.25, 0.5, 0.75)]
            judgement = await engine.judge([scene(1), scene(2)], questions)
        assert list(judgement.scores) == pytest.approx([0.25, 0.5, 0.75])
        assert [len(asked.pictures) for asked in server.asked] == [2, 2, 2]
        system = server.last.body["messages"][0]
        assert system["role"] == "system"
        assert "yes or no" in system["content"]

    run(scenario())


def test_where_scores_were_expected_in_vain_words_are_judged(run: Run) -> None:
    async def scenario() -> None:
        async with connected(says("No.")) as (engine, server):
            judgement = await engine.judge([scene()], ["Is there a car?"])
            assert (judgement.by, judgement.scores) == ("text", (0.0,))
            assert ["logprobs" in asked.body for asked in server.asked] == [True, False]

    run(scenario())


@pytest.mark.parametrize("judge_by", ["auto", "text"])
def test_without_scores_its_words_are_judged(run: Run, judge_by: Any) -> None:
    async def answers(asked: Asked, reply: Reply) -> None:
        if judge_by == "text":
            assert "logprobs" not in asked.body
        await says("Ye", "s, there is")(asked, reply)

    async def scenario() -> None:
        async with connected(answers, judge_by=judge_by) as (engine, _):
            if judge_by == "auto":
                await engine.probe()
            judgement = await engine.judge([scene()], ["one?", "two?"])
        assert (judgement.by, judgement.scores) == ("text", (1.0, 1.0))

    run(scenario())


def test_there_is_nothing_to_judge_without_a_picture(run: Run) -> None:
    async def scenario() -> None:
        async with open_upstream(Endpoint("http://127.0.0.1:1/v1", "m")) as engine:
            with pytest.raises(BadJob):
                await engine.judge([], ["?"])

    run(scenario())

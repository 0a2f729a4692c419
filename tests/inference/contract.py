"""
What every engine must do, whatever runs behind it.

Each check is given an engine that is ready. `CHECKS` has all of them; one that shows where
a picture stands in the answer needs an engine that describes pictures in words.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pytest

from bus.errors import BadJob
from bus.messages import Delta, Finished, Sampling
from inference.engine import Ability, Engine, Pixels, Turn

QUESTION = "Describe the scene."
SHORT = Sampling(max_tokens=24)

Check = Callable[[Engine], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Said:
    text: str
    end: Finished


async def said(engine: Engine, *content: str | Pixels, sampling: Sampling = SHORT) -> Said:
    """The answer to one turn of the user; it ends exactly once, with its last event."""
    return await answered(engine, [Turn("user", content or (scene(), QUESTION))], sampling)


async def answered(engine: Engine, turns: list[Turn], sampling: Sampling = SHORT) -> Said:
    async with aclosing(engine.generate(turns, sampling)) as events:
        seen = [event async for event in events]
    deltas, ends = seen[:-1], [event for event in seen if isinstance(event, Finished)]
    assert [seen[-1]] == ends
    return Said("".join(delta.text for delta in deltas if isinstance(delta, Delta)), ends[0])


def scene(seed: int = 1, width: int = 64, height: int = 48) -> Pixels:
    """A picture that is like no other."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return noise // 4 + np.uint8(seed * 40 % 192)


async def an_answer_has_words_and_ends_once(engine: Engine) -> None:
    told = await said(engine)
    assert told.text.strip()
    assert told.end.reason in ("stop", "length")
    assert told.end.prompt_tokens > 0
    assert 0 < told.end.completion_tokens <= SHORT.max_tokens


async def text_alone_is_answered(engine: Engine) -> None:
    assert (await said(engine, "Hello")).end.completion_tokens > 0


async def a_conversation_is_answered(engine: Engine) -> None:
    turns = [
        Turn("system", ("You are brief.",)),
        Turn("user", (scene(), "What is this?")),
        Turn("assistant", ("A street.",)),
        Turn("user", (QUESTION,)),
    ]
    assert (await answered(engine, turns)).text.strip()


async def the_same_question_gets_the_same_answer(engine: Engine) -> None:
    assert (await said(engine)).text == (await said(engine)).text


async def max_tokens_are_not_exceeded(engine: Engine) -> None:
    told = await said(engine, sampling=Sampling(max_tokens=2))
    assert (told.end.reason, told.end.completion_tokens) == ("length", 2)


async def a_stop_string_ends_the_answer_before_it(engine: Engine) -> None:
    whole = (await said(engine)).text
    words = whole.split()
    stop = next(word for word in words[1:] if word not in words[0])
    told = await said(engine, sampling=Sampling(max_tokens=24, stop=(stop,)))
    assert told.text == whole[: whole.index(stop)]
    assert told.end.reason == "stop"


async def many_at_once_get_an_answer_each(engine: Engine) -> None:
    numbers = range(min(engine.slots, 6))
    told = await asyncio.gather(*(said(engine, scene(n), QUESTION) for n in numbers))
    alone = [await said(engine, scene(n), QUESTION) for n in numbers]
    assert [one.text for one in told] == [one.text for one in alone]


async def closing_an_answer_leaves_the_engine_free(engine: Engine) -> None:
    for _ in range(2 * min(engine.slots, 8)):
        events = engine.generate([Turn("user", (scene(), QUESTION))], SHORT)
        await anext(events)
        await events.aclose()
    async with asyncio.timeout(10):
        await an_answer_has_words_and_ends_once(engine)


async def a_cancelled_answer_leaves_the_engine_free(engine: Engine) -> None:
    for _ in range(4):
        asking = asyncio.create_task(said(engine))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
    await an_answer_has_words_and_ends_once(engine)


async def several_pictures_are_taken(engine: Engine) -> None:
    if engine.judges_series:
        assert (await said(engine, scene(1), scene(2), scene(3), QUESTION)).text.strip()


async def scores_are_probabilities_in_the_order_of_the_questions(engine: Engine) -> None:
    questions = [f"Is there a car, number {n}?" for n in range(5)]
    judgement = await engine.judge([scene()], questions)
    assert judgement.by in ("logits", "text")
    assert len(judgement.scores) == len(questions)
    assert all(score is None or 0 <= score <= 1 for score in judgement.scores)


async def without_a_picture_there_is_nothing_to_judge(engine: Engine) -> None:
    with pytest.raises(BadJob, match="there is no picture to judge"):
        await engine.judge([], ["Is there a car?"])


async def judging_and_chatting_go_side_by_side(engine: Engine) -> None:
    judging = asyncio.create_task(engine.judge([scene()], ["Is there a car?"] * 3))
    await an_answer_has_words_and_ends_once(engine)
    assert len((await judging).scores) == 3


async def it_can_only_do_what_we_know_of(engine: Engine) -> None:
    assert engine.slots >= 1
    assert engine.abilities <= set(get_args(Ability))


CHECKS: tuple[Check, ...] = (
    an_answer_has_words_and_ends_once,
    text_alone_is_answered,
    a_conversation_is_answered,
    the_same_question_gets_the_same_answer,
    max_tokens_are_not_exceeded,
    a_stop_string_ends_the_answer_before_it,
    many_at_once_get_an_answer_each,
    closing_an_answer_leaves_the_engine_free,
    a_cancelled_answer_leaves_the_engine_free,
    several_pictures_are_taken,
    scores_are_probabilities_in_the_order_of_the_questions,
    without_a_picture_there_is_nothing_to_judge,
    judging_and_chatting_go_side_by_side,
    it_can_only_do_what_we_know_of,
)

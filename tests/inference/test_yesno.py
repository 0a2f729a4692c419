"""What a model says is a yes, a no, or neither; several questions are asked side by side."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from bus.errors import EngineError
from bus.messages import Delta, Finished, Sampling
from inference.engine import Turn
from inference.yesno import JUDGE_PROMPT, judge_by_text, parse_answer
from tests.conftest import Run
from tests.inference.desk import DONE, Behaviour, grey


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Yes.", 1.0),
        ("yes, there is", 1.0),
        (" YES", 1.0),
        ("**Yes**, at the gate.", 1.0),
        ("\nYes - no doubt about it", 1.0),
        ("Yes, there is no car.", 1.0),
        ("No", 0.0),
        ("no, …", 0.0),
        ("No, I see no person", 0.0),
        ("Ja, ein Hund.", 1.0),
        ("Nein", 0.0),
        ("Oui !", 1.0),
        ("Non.", 0.0),
        ("¡Sí!", 1.0),
        ("はい、います。", 1.0),
        ("いいえ", 0.0),
        ("", None),
        ("...", None),
        ("Maybe.", None),
        ("Yesterday there was", None),
        ("Nobody", None),
        ("There is no fire", None),
        ("Yes and no", None),
        ("Yes/No", None),
        ("yes or no?", None),
        ("No idea.", None),
        ("I am a small demo model.", None),
    ],
)
def test_an_answer_is_a_yes_a_no_or_neither(text: str, score: float | None) -> None:
    assert parse_answer(text) == score


class Answers(Behaviour):
    """In pieces, with the words of the question itself; counts how many it answers at once."""

    slots = 3

    def __init__(self) -> None:
        self.running = self.most = 0
        self.systems = set[str]()

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        system, user = turns
        self.systems.add(str(system.content[0]))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for letter in str(user.content[-1]):
                await asyncio.sleep(0)
                yield Delta(letter)
            yield DONE
        finally:
            self.running -= 1


def test_questions_run_side_by_side_and_leave_a_slot(run: Run) -> None:
    async def scenario() -> None:
        engine = Answers()
        judged = await judge_by_text(engine, [grey(0)], ["yes", "no", "who?"] * 4, JUDGE_PROMPT)
        assert judged.scores == (1.0, 0.0, None) * 4
        assert judged.by == "text"
        assert engine.most == engine.slots - 1
        assert engine.systems == {JUDGE_PROMPT}

    run(scenario())


class BreaksOverOne(Answers):
    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        if turns[-1].content[-1] == "break":
            raise EngineError("broken")
        async for event in super().generate(turns, sampling):
            yield event


def test_an_engine_that_breaks_over_one_question_ends_the_others(run: Run) -> None:
    async def scenario() -> None:
        engine = BreaksOverOne()
        with pytest.raises(EngineError, match="broken"):
            await judge_by_text(engine, [grey(0)], ["yes" * 100, "break", "no"], JUDGE_PROMPT)
        assert engine.running == 0

    run(scenario())

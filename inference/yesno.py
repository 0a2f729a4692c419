"""Judging by what a model says, for engines that do not tell how likely a word is."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import aclosing

from bus.errors import BadJob
from bus.messages import Delta, Sampling
from bus.tasks import together
from inference.engine import Engine, Judgement, Pixels, Turn

JUDGE_PROMPT = (
    "You are an AI assistant whose job is to evaluate a yes/no question on an image."
    " Your response must be accurate and based on the image and MUST be yes or no."
)
SAMPLING = Sampling(max_tokens=8)  # yes or no, and what a model likes to put before it

YES = frozenset(("yes", "ja", "oui", "si", "sí", "sì", "sim", "hai", "はい"))
NO = frozenset(("no", "nein", "non", "não", "iie", "いいえ"))
WORD = re.compile(r"\w+")
NEITHER = re.compile(r"yes(\s*/\s*|\s+(and|or)\s+)no\b|no (idea|clue|way|answer|information)\b")


def require_picture(pictures: Sequence[Pixels]) -> None:
    if not pictures:
        raise BadJob("there is no picture to judge")


def parse_answer(text: str) -> float | None:
    """1 if *text* begins with a yes, 0 with a no, in one of a few languages; None: neither."""
    first = WORD.search(text := text.lower())
    if first is None or NEITHER.match(text, first.start()):
        return None
    if first[0] in YES:
        return 1.0
    return 0.0 if first[0] in NO else None


async def judge_by_text(
    engine: Engine, pictures: Sequence[Pixels], questions: Sequence[str], prompt: str
) -> Judgement:
    """
    Have *engine* answer each of *questions*, with *prompt* as the system's turn.

    They run side by side, but leave one of the engine's slots to a chat.
    """
    slots = asyncio.Semaphore(max(1, engine.slots - 1))

    async def score(question: str) -> float | None:
        turns = [Turn("system", (prompt,)), Turn("user", (*pictures, question))]
        async with slots:
            return parse_answer(await _answer(engine, turns))

    return Judgement(tuple(await together(map(score, questions))), "text")


async def _answer(engine: Engine, turns: Sequence[Turn]) -> str:
    async with aclosing(engine.generate(turns, SAMPLING)) as events:
        return "".join([event.text async for event in events if isinstance(event, Delta)])

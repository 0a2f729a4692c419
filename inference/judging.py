"""The questions of a judge job, gathered by what they are about, and the scores of all."""

from collections.abc import Sequence
from dataclasses import dataclass

from bus.errors import BadJob
from bus.messages import Question
from inference.engine import Engine, Judgement, Pixels
from inference.zones import crop, mask


@dataclass(frozen=True)
class Look:
    """Pictures, and what is asked about them: the places of the questions, and their words."""

    pictures: list[Pixels]
    asked: dict[int, str]


def looks(pictures: Sequence[Pixels], questions: Sequence[Question]) -> list[Look]:
    """One for each zone among *questions*; only a mask takes a copy of the pictures."""
    if not questions:
        raise BadJob("there is no question to judge", param="questions")
    alike: dict[Question, dict[int, str]] = {}
    for place, question in enumerate(questions):
        alike.setdefault(_where(question), {})[place] = wording(question)
    return [
        Look([_shown(picture, where) for picture in pictures], asked)
        for where, asked in alike.items()
    ]


def wording(question: Question) -> str:
    """What the model is asked. Its author's text may hold braces: they mean nothing."""
    return question.prompt.replace("{question}", question.text) or question.text


async def judge(engine: Engine, looks: Sequence[Look]) -> Judgement:
    """The scores in the order of the questions. One look after the other: chats come between."""
    scores: dict[int, float | None] = {}
    for look in looks:
        judgement = await engine.judge(look.pictures, list(look.asked.values()))
        scores |= zip(look.asked, judgement.scores, strict=True)
    return Judgement(tuple(scores[place] for place in sorted(scores)), judgement.by)


def _where(question: Question) -> Question:
    """The question without its words: equal for all that are about the same zone."""
    return Question("", question.zone, question.zone_mode if question.zone else "crop")


def _shown(picture: Pixels, where: Question) -> Pixels:
    if not where.zone:
        return picture
    return (crop if where.zone_mode == "crop" else mask)(picture, where.zone)

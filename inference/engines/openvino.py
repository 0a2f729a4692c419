"""
OpenVINO's continuous batching, in a child process of our own.

    openvino:/path/to/model?device=CPU&slots=8
    openvino:OpenVINO/InternVL2-1B-int4-ov

The path may be relative; what is no path here is fetched from the hub of models once.
`inference.ov.settings` has all that may follow it. This side
knows nothing of OpenVINO: it sends turns and pixels to `inference.ov.child`, which holds
its interpreter for as long as a step takes, and starts it again when it dies or hangs.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace

import numpy as np

from bus.errors import EngineError, Unsupported
from bus.messages import Delta, Failed, Finished, Judged, Sampling
from inference.engine import Ability, Engine, Judgement, Pixels, Turn
from inference.ov import memory, place
from inference.ov.link import Link, open_link
from inference.ov.settings import Settings, parse
from inference.ov.wire import Command, Generate, Judge, Outcome, split
from inference.scale import resized, shrunk
from inference.supervised import Kept, kept
from inference.yesno import require_picture

NO_TOOLS = (
    "the engine of this model calls no functions: leave `tool_calls` and messages of tools out"
)


def identify(url: str) -> str:
    return place.name(url)


@asynccontextmanager
async def open(url: str) -> AsyncGenerator[Engine]:
    url = await place.on_disk(url)
    settings = parse(url)
    memory.check(settings)
    async with kept(settings.model, lambda: open_link(url, settings)) as child:
        yield OpenVinoEngine(settings, child)


@dataclass(frozen=True)
class OpenVinoEngine:
    settings: Settings
    child: Kept[Link]

    @property
    def slots(self) -> int:
        return self.settings.query.slots

    @property
    def abilities(self) -> frozenset[Ability]:
        """From Python, OpenVINO says nothing of the tokens that it has not chosen."""
        return frozenset(("logprobs", "json", "json_schema"))

    @property
    def judges_series(self) -> bool:
        return not self.settings.card.single_picture

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        """
        Honours all of `Sampling` that its abilities allow.

        The end token counts as one of the completion's tokens.
        """
        if any(turn.role == "tool" or turn.calls for turn in turns):
            raise Unsupported(NO_TOOLS, param="messages")
        said, pictures = split(self._as_learned(turns))
        async with aclosing(self._ask(Generate(said, sampling), pictures)) as outcomes:
            async for outcome in outcomes:
                match outcome:
                    case Finished():
                        yield outcome
                    case Delta() if outcome.text or outcome.scores:
                        yield outcome

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        """P(yes) of each question. Several pictures are all shown, oldest first."""
        require_picture(pictures)
        if not questions:
            return Judgement((), "logits")
        async with aclosing(self._ask(Judge(tuple(questions)), pictures)) as outcomes:
            async for outcome in outcomes:
                if isinstance(outcome, Judged):
                    return Judgement(outcome.scores, outcome.by)
        raise EngineError("the engine gave no scores")

    async def _ask(self, command: Command, pictures: Sequence[Pixels]) -> AsyncGenerator[Outcome]:
        fitted = await asyncio.to_thread(self._fit, pictures)
        link = await self.child.present()
        async with aclosing(link.ask(command, fitted)) as outcomes:
            async for outcome in outcomes:
                if isinstance(outcome, Failed):
                    raise outcome.error()
                yield outcome

    def _as_learned(self, turns: Sequence[Turn]) -> Sequence[Turn]:
        card = self.settings.card
        if card.single_turn:
            turns = newest(turns)
        if card.single_picture:
            turns = with_last_picture(turns)
        if card.blank_picture and not any(map(_pictures_of, turns)):
            grey = np.full((16, 16, 3), 128, np.uint8)
            turns = [*turns[:-1], Turn("user", (grey, *turns[-1].content))]
        return turns

    def _fit(self, pictures: Sequence[Pixels]) -> list[Pixels]:
        return [fit(picture, self.settings) for picture in pictures]


def newest(turns: Sequence[Turn]) -> list[Turn]:
    """The system's turns and the last question, with the pictures that were shown last."""
    asked = [turn for turn in turns if turn.role == "user"]
    shown = next((p for turn in reversed(asked) if (p := _pictures_of(turn))), ())
    last = [Turn("user", (*shown, *_texts_of(turn))) for turn in asked[-1:]]
    return [turn for turn in turns if turn.role == "system"] + last


def with_last_picture(turns: Sequence[Turn]) -> list[Turn]:
    """*turns* without any picture but the last of all."""
    left = sum(len(_pictures_of(turn)) for turn in turns)

    def stays(part: str | Pixels) -> bool:
        nonlocal left
        left -= not isinstance(part, str)
        return isinstance(part, str) or not left

    return [replace(turn, content=tuple(filter(stays, turn.content))) for turn in turns]


def _pictures_of(turn: Turn) -> tuple[Pixels, ...]:
    return tuple(part for part in turn.content if not isinstance(part, str))


def _texts_of(turn: Turn) -> tuple[str, ...]:
    return tuple(part for part in turn.content if isinstance(part, str))


def fit(picture: Pixels, settings: Settings) -> Pixels:
    """*picture* at the size that the model wants; less data then goes to the child."""
    if settings.card.fit == "squash" and settings.card.size:
        return resized(picture, settings.card.size)
    return shrunk(picture, settings.query.max_side)

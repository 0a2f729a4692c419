"""
An engine without a model, to measure and test everything around one.

It answers with the last user text and a line per picture, and judges every question by
the brightness of the newest picture; with `judge=text` by its own answer, so that "Yes!" is
a yes. `echo:?delay_ms=50&tokens_per_s=20&slots=4` shapes time.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
import numpy as np

from bus.messages import Delta, Finished, Sampling
from inference.engine import Engine, Judgement, Pixels, Turn, parse_query
from inference.yesno import JUDGE_PROMPT, judge_by_text

_TOKEN = re.compile(r"\s*\S+|\s+$")


class EchoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str = "echo"
    slots: int = 64
    delay_ms: float = 0.0  # before the first token
    tokens_per_s: float = 0.0  # 0: all at once
    judge: Literal["logits", "text"] = "logits"


class EchoEngine:
    judges_series = True

    def __init__(self, query: EchoQuery) -> None:
        self.slots = query.slots
        self._judge_by = query.judge
        self._delay_s = query.delay_ms / 1000
        self._pace_s = 1 / query.tokens_per_s if query.tokens_per_s > 0 else 0.0

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        tokens = _TOKEN.findall(_cut(_answer(turns), sampling.stop))
        said = tokens[: sampling.max_tokens]
        for token in said:
            yield Delta(token)
            if self._pace_s:
                await asyncio.sleep(self._pace_s)
        heard = sum(len(str(c).split()) for turn in turns for c in turn.content if _is_text(c))
        yield Finished("length" if len(said) < len(tokens) else "stop", heard, len(said))

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        if self._judge_by == "text":
            return await judge_by_text(self, pictures, questions, JUDGE_PROMPT)
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        brightness = float(pictures[-1].mean()) / 255
        return Judgement((brightness,) * len(questions), "logits")


def _is_text(content: str | Pixels) -> bool:
    return isinstance(content, str)


def _answer(turns: Sequence[Turn]) -> str:
    asked = [turn for turn in turns if turn.role == "user"][-1:]
    texts = [str(c) for turn in asked for c in turn.content if _is_text(c)]
    pictures = [c for turn in turns for c in turn.content if isinstance(c, np.ndarray)]
    lines = [_describe(number, pixels) for number, pixels in enumerate(pictures, 1)]
    return "\n".join(["\n".join(texts), *lines])


def _describe(number: int, pixels: Pixels) -> str:
    height, width, _ = pixels.shape
    red, green, blue = (round(float(value)) for value in pixels.mean(axis=(0, 1)))
    return f"[image {number}: {width}x{height} mean RGB {red} {green} {blue}]"


def _cut(text: str, stops: Sequence[str]) -> str:
    """*text* up to the first of *stops*."""
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    return text[: min(ends, default=len(text))]


def identify(url: str) -> str:
    return parse_query(url, EchoQuery).id


@asynccontextmanager
async def open(url: str) -> AsyncGenerator[Engine]:
    yield EchoEngine(parse_query(url, EchoQuery))

"""
An engine without a model, to measure and test everything around one.

It answers with the last user text and a line per picture (for a format with the text alone,
be it JSON or not), and judges every question by the brightness of the newest picture; with
`judge=text` by its own answer, so that "Yes!" is a yes. A function that must be called gets
the last user text as its arguments, if that is a JSON object.
`echo:?delay_ms=50&tokens_per_s=20&slots=4` shapes time; `can=json,tools` is all it then can.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal, get_args
from uuid import uuid4

import msgspec
import numpy as np

from bus.errors import BadSettings
from bus.messages import CallDelta, Delta, Finished, Likely, Reason, Sampling, TokenScore
from inference.engine import Ability, Engine, Judgement, Pixels, Turn, parse_query
from inference.yesno import JUDGE_PROMPT, judge_by_text, require_picture

ABILITIES: frozenset[Ability] = frozenset(get_args(Ability)) - {"logit_bias"}
_TOKEN = re.compile(r"\s*\S+|\s+$")


class EchoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str = "echo"
    slots: int = 64
    delay_ms: float = 0.0  # before the first token
    tokens_per_s: float = 0.0  # 0: all at once
    judge: Literal["logits", "text"] = "logits"
    can: str = ""  # abilities, with commas or spaces between; empty: all of `ABILITIES`


class EchoEngine:
    judges_series = True

    def __init__(self, query: EchoQuery) -> None:
        self.slots = query.slots
        self.abilities = _abilities(query.can)
        self._judge_by = query.judge
        self._delay_s = query.delay_ms / 1000
        self._pace_s = 1 / query.tokens_per_s if query.tokens_per_s > 0 else 0.0

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        called = _called(sampling)
        text = _arguments(turns) if called else _answer(turns, sampling)
        tokens = _TOKEN.findall(text)
        said = tokens[: sampling.max_tokens]
        for delta in _calls(called, said) if called else _texts(said, sampling):
            yield delta
            if self._pace_s:
                await asyncio.sleep(self._pace_s)
        heard = sum(len(str(c).split()) for turn in turns for c in turn.content if _is_text(c))
        ending: Reason = "tool_calls" if called else "stop"
        yield Finished("length" if len(said) < len(tokens) else ending, heard, len(said))

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        require_picture(pictures)
        if self._judge_by == "text":
            return await judge_by_text(self, pictures, questions, JUDGE_PROMPT)
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        brightness = float(pictures[-1].mean()) / 255
        return Judgement((brightness,) * len(questions), "logits")


def _is_text(content: str | Pixels) -> bool:
    return isinstance(content, str)


def _abilities(can: str) -> frozenset[Ability]:
    words = can.replace(",", " ").split()
    if unknown := set(words) - ABILITIES:
        known = ", ".join(sorted(ABILITIES))
        raise BadSettings(f"the echo engine cannot {unknown.pop()!r}: `can` may name {known}")
    return frozenset(ability for ability in ABILITIES if ability in words) or ABILITIES


def _answer(turns: Sequence[Turn], sampling: Sampling) -> str:
    lines = [] if sampling.format else _pictures(turns)
    return _cut("\n".join([_asked(turns), *lines]), sampling.stop)


def _asked(turns: Sequence[Turn]) -> str:
    """What the user said last."""
    asked = [turn for turn in turns if turn.role == "user"][-1:]
    return "\n".join(str(c) for turn in asked for c in turn.content if _is_text(c))


def _pictures(turns: Sequence[Turn]) -> list[str]:
    pictures = [c for turn in turns for c in turn.content if isinstance(c, np.ndarray)]
    return [_describe(number, pixels) for number, pixels in enumerate(pictures, 1)]


def _called(sampling: Sampling) -> str:
    """The name of the function that must be called; empty if none must."""
    if sampling.tools and sampling.tool_choice == "required":
        return sampling.tools[0].name
    return sampling.tool_choice.partition("function:")[2]


def _arguments(turns: Sequence[Turn]) -> str:
    text = _asked(turns)
    try:
        msgspec.json.decode(text, type=dict)
    except msgspec.DecodeError:
        return msgspec.json.encode({"text": text}).decode()
    return text


def _calls(name: str, tokens: Sequence[str]) -> Iterator[Delta]:
    number = f"call_{uuid4().hex}"
    for place, token in enumerate(tokens):
        first = CallDelta(0, number, name, token)
        yield Delta("", calls=(CallDelta(0, arguments=token) if place else first,))


def _texts(tokens: Sequence[str], sampling: Sampling) -> Iterator[Delta]:
    for token in tokens:
        if sampling.logprobs is None:
            yield Delta(token)
        else:
            yield Delta(token, scores=(TokenScore(Likely(token, 0.0, token.encode())),))


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

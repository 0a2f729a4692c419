"""
A client of one server that speaks OpenAI's API: an `Engine` without a process of its own.

It asks for every answer as a stream, so that a silent server is noticed, and closes the
connection to abort.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import httpx
import msgspec

from bus.errors import EngineError, LookoutError, Unsupported
from bus.messages import Delta, Finished, Sampling, TokenScore
from bus.tasks import together
from inference.abilities import check
from inference.engine import Ability, EngineLost, Judgement, Pixels, Turn
from inference.upstream.asking import body
from inference.upstream.endpoint import OPENAI, Deadlines, Dialect, Endpoint
from inference.upstream.events import DONE
from inference.upstream.exchange import END_S, asked, got
from inference.upstream.failures import Unusable
from inference.upstream.likelihood import p_yes
from inference.upstream.pictures import Urls, encoded, pictures_of
from inference.upstream.probing import Findings, probe
from inference.upstream.reading import Reading
from inference.yesno import JUDGE_PROMPT, SAMPLING, parse_answer, require_picture

PATIENT = Deadlines()
MAX_SIDE = 1344  # pixels
IDLE_S = 4.0  # most servers close a connection that has been idle for five seconds
MOST_NAMED = 20  # models in an error message


class Model(msgspec.Struct, frozen=True):
    """One that a server has."""

    id: str
    owned_by: str | None = None


class Models(msgspec.Struct, frozen=True):
    data: list[Model] | None = None


@dataclass
class Upstream:
    """
    Open it with `open_upstream`.

    What it can do is what its dialect says, until `probe` has found out. The model and the
    dialect may be set anew when the server itself has told them.
    """

    http: httpx.AsyncClient
    endpoint: Endpoint
    deadlines: Deadlines
    dialect: Dialect
    slots: int
    judge_by: Literal["auto", "text"]
    max_side: int
    _findings: Findings = field(default_factory=Findings)

    @property
    def judges_series(self) -> bool:
        return self._findings.series

    @property
    def abilities(self) -> frozenset[Ability]:
        return self._findings.of(self.dialect)

    async def models(self) -> list[str]:
        """The models it says it has."""
        return [model.id for model in await self.listed()]

    async def listed(self) -> list[Model]:
        """Raise `EngineLost`, or `EngineError` when it does not list its models."""
        data = await got(self.http, self.endpoint, "models", self.deadlines.connect_s)
        try:
            return msgspec.json.decode(data, type=Models).data or []
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unusable(f"{self.endpoint.place} lists no models: {error}") from error

    async def probe(self, anew: bool = False) -> frozenset[Ability]:
        """
        Find out with small requests what the server can do.

        What is known is not asked again, but where the server may be another one: *anew*.
        Raise the error that leaves everything as it was.
        """
        findings = Findings() if anew else self._findings
        await probe(self, findings)
        self._findings = findings
        return self.abilities

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        """
        Without a temperature it is greedy, where the server may be told so.

        Without `usage` from the server its pieces are counted as tokens.
        """
        self._check(sampling)
        urls = await encoded(pictures_of(turns), self.max_side)
        async with aclosing(self.say(turns, sampling, urls)) as events:
            async for event in events:
                yield event

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        """
        P(yes) from how likely the first token was to be a yes, or else from what is answered.

        The pictures are encoded once; the questions are asked side by side, but leave a slot
        to a chat.
        """
        require_picture(pictures)
        urls = await encoded(pictures, self.max_side)
        by_logits = self.judge_by == "auto" and "top_logprobs" in self.abilities
        free = asyncio.Semaphore(max(1, self.slots - 1))

        async def judged(question: str) -> tuple[float | None, bool]:
            turns = [Turn("system", (JUDGE_PROMPT,)), Turn("user", (*pictures, question))]
            async with free:
                if by_logits and (score := await self._first(turns, urls)):
                    return p_yes(score), True
                return await self._spoken(turns, urls), False

        found = await together(map(judged, questions))
        exact = any(by_logits for _, by_logits in found)
        return Judgement(tuple(score for score, _ in found), "logits" if exact else "text")

    async def say(
        self, turns: Sequence[Turn], sampling: Sampling, urls: Urls
    ) -> AsyncGenerator[Delta | Finished]:
        """As `generate`, with the pictures encoded already and nothing checked."""
        reading = Reading(self.endpoint, scored=sampling.logprobs is not None)
        request = body(self.endpoint.model, self.dialect, turns, sampling, urls)
        clock = asyncio.get_running_loop().time
        late = f"has not begun to answer within {self.deadlines.first_token_s:g} s"
        until = clock() + self.deadlines.first_token_s
        try:
            async with asked(self.http, self.endpoint, request, until, late) as answer:
                while event := await answer.event(until, late):
                    if event == DONE:
                        await answer.end()
                        break
                    if delta := reading.read(event):
                        yield delta
                    if reading.begun:
                        until = clock() + (END_S if reading.reason else self.deadlines.token_s)
                        late = f"was silent for {self.deadlines.token_s:g} s in its answer"
        except EngineLost:
            if not reading.reason:
                raise
            event = DONE  # the answer is whole, only its end mark is missing
        except Unusable as error:
            raise await self._with_models(error) from error
        if not event and not reading.reason:
            raise EngineLost(f"{self.endpoint.place} broke off its answer")
        yield reading.finished()

    def _check(self, sampling: Sampling) -> None:
        check(self.abilities, sampling)
        most = self._findings.top_logprobs_most(self.dialect)
        if sampling.logprobs and sampling.logprobs > most:
            raise Unsupported(
                f"{self.endpoint.place} tells {most} likely tokens at most", param="top_logprobs"
            )

    async def _with_models(self, error: Unusable) -> EngineError:
        """*error*, and which models the server has if it may be about that."""
        if "model" not in str(error):
            return error
        try:
            return Unusable(f"{error}; {named(await self.models())}")
        except LookoutError:
            return error

    async def _first(self, turns: Sequence[Turn], urls: Urls) -> TokenScore | None:
        """How likely the first token was, and others; None if the server has not told it."""
        most = self._findings.top_logprobs_most(self.dialect)
        # At this temperature all servers mean the same by a log-probability.
        sampling = Sampling(max_tokens=1, temperature=1.0, logprobs=most)
        score: TokenScore | None = None
        async with aclosing(self.say(turns, sampling, urls)) as events:
            async for event in events:
                if isinstance(event, Delta) and event.scores and not score:
                    score = event.scores[0]
        return score

    async def _spoken(self, turns: Sequence[Turn], urls: Urls) -> float | None:
        async with aclosing(self.say(turns, SAMPLING, urls)) as events:
            said = [event.text async for event in events if isinstance(event, Delta)]
        return parse_answer("".join(said))


def named(models: Sequence[str]) -> str:
    """What a server has, in words."""
    some = ", ".join(models[:MOST_NAMED])
    return f"it has {some}{', …' if len(models) > MOST_NAMED else ''}" if some else "it has none"


@asynccontextmanager
async def open_upstream(
    endpoint: Endpoint,
    deadlines: Deadlines = PATIENT,
    dialect: Dialect = OPENAI,
    slots: int = 8,
    judge_by: Literal["auto", "text"] = "auto",
    max_side: int = MAX_SIDE,
) -> AsyncGenerator[Upstream]:
    """*slots*: how many requests it is asked at once; *max_side*: of pictures, in pixels."""
    headers = {"content-type": "application/json", "accept-encoding": "identity"}
    if endpoint.key:
        headers["authorization"] = f"Bearer {endpoint.key}"
    async with httpx.AsyncClient(
        headers=headers,
        trust_env=False,
        timeout=httpx.Timeout(None, connect=deadlines.connect_s),
        limits=httpx.Limits(max_keepalive_connections=2 * slots, keepalive_expiry=IDLE_S),
    ) as http:
        yield Upstream(http, endpoint, deadlines, dialect, slots, judge_by, max_side)

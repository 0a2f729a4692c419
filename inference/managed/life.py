"""One life of a program that serves a model: from ready until it dies, or hangs and is killed."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from bus.errors import EngineError, LookoutError
from bus.messages import Delta, Finished, Sampling
from inference.engine import EngineLost, Judgement, Pixels, Turn
from inference.supervised import Program
from inference.upstream.client import Upstream

DEATH_S = 1.0  # from a broken connection until we know that the program has died


class Served:
    """A program's answers, as long as it lives. *sees*: whether it takes pictures."""

    def __init__(self, program: Program, upstream: Upstream, sees: bool) -> None:
        self.program, self.upstream, self.sees = program, upstream, sees
        self._hung: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost: LookoutError | None = None
        self._gone = asyncio.Event()
        self._heard = 0.0  # when it last said anything, to whomever

    async def last(self) -> None:
        try:
            await self.program.while_alive(self._hung)
        except LookoutError as error:
            self._lost = error
            raise
        finally:
            self._lost = self._lost or EngineLost("the engine was closed")
            self._gone.set()

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        heard, limit_s = self._now(), self.upstream.deadlines.first_token_s
        try:
            async with aclosing(self.upstream.generate(turns, sampling)) as events:
                async for event in events:
                    self._heard = heard = self._now()
                    limit_s = self.upstream.deadlines.token_s
                    yield event
        except (EngineLost, RuntimeError) as error:
            raise await self._explained(error, heard, limit_s) from error

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        began, limit_s = self._now(), self.upstream.deadlines.first_token_s
        try:
            judgement = await self.upstream.judge(pictures, questions)
        except (EngineLost, RuntimeError) as error:
            raise await self._explained(error, began, limit_s) from error
        self._heard = self._now()
        return judgement

    async def _explained(
        self, error: EngineLost | RuntimeError, heard: float, limit_s: float
    ) -> LookoutError | RuntimeError:
        """
        What really happened to a request that has *heard* something last, and was lost.

        A program that has said nothing to anybody for *limit_s* hangs, and is killed.
        """
        now = self._now()
        if now - max(heard, self._heard) >= limit_s and not self._hung.done():
            self._hung.set_exception(EngineLost(f"the engine hung: {error}"))
        try:
            async with asyncio.timeout(DEATH_S):
                await self._gone.wait()
        except TimeoutError:
            answers_others = now - heard >= limit_s
            return EngineError(str(error)) if answers_others else error
        return EngineLost(str(self._lost))  # also when our connections to it are closed already

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

"""The way of a program from its start to its first answer, and how long that may take."""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from bus.errors import EngineError, LookoutError
from bus.messages import Sampling
from inference.engine import EngineLost, Pixels, Turn
from inference.managed.heard import Heard
from inference.managed.recipe import Recipe
from inference.upstream.client import Upstream

log = logging.getLogger(__name__)

LOOK_S = 0.1, 1.0  # between two looks whether it answers: first, and at most
ONE_TOKEN = Sampling(max_tokens=1)
SIDE = 64  # pixels of the picture that shows whether pictures work


@dataclass
class Loading:
    """A program that has been started for *upstream* and does not answer yet."""

    recipe: Recipe
    upstream: Upstream
    heard: Heard
    _why: str = "it says nothing"

    async def ready(self) -> bool:
        """
        Wait until the program answers, then find out what it can; whether it takes pictures.

        Raise `EngineError` when it says no, or makes no progress for too long.
        """
        clock, query = asyncio.get_running_loop().time, self.recipe.query
        end = clock() + query.start_most_s

        def until() -> float:
            return min(end, clock() + query.start_s)

        try:
            async with asyncio.timeout_at(until()) as limit:
                self.heard.on_progress = lambda: limit.reschedule(until())
                await self._answering()
                return await self._seeing()
        except TimeoutError as error:
            raise EngineError(self._late()) from error
        finally:
            self.heard.on_progress = None

    def _late(self) -> str:
        query, name = self.recipe.query, self.recipe.program
        words = " / ".join(self.heard.last_words()[-3:]) or "not a word"
        limits = f"start_s={query.start_s:g} after its last progress"
        limits += f", start_most_s={query.start_most_s:g} in all"
        return f"{name} was not ready in time ({limits}): {self._why}; its log ends with: {words}"

    async def _answering(self) -> None:
        """A list of models is no proof: some programs have one before their model is loaded."""
        wait_s, most_s = LOOK_S
        while not (await self._lists() and await self._says()):
            await asyncio.sleep(wait_s)
            wait_s = min(1.5 * wait_s, most_s)

    async def _lists(self) -> bool:
        try:
            await self.upstream.models()
        except EngineError as error:
            self._why = str(error)
            return False
        self._why = "it does not answer its first request"
        return True

    async def _says(self) -> bool:
        try:
            await self._one_token("Hello")
        except EngineLost as error:
            self._why = str(error)
            return False
        return True

    async def _seeing(self) -> bool:
        self._why = "it does not answer when it is asked what it can do"
        if self.recipe.probes:
            await self.upstream.probe()
        if self.recipe.sees() is False:
            return False
        self._why = "it does not answer when it is shown a picture"
        grey: Pixels = np.full((SIDE, SIDE, 3), 128, np.uint8)
        try:
            await self._one_token(grey, "Hello")
        except EngineLost:
            raise
        except LookoutError as error:
            log.info("engine takes no pictures model=%s: %s", self.recipe.model, error)
            return False
        return True

    async def _one_token(self, *content: str | Pixels) -> None:
        turns = [Turn("user", content)]
        async with aclosing(self.upstream.generate(turns, ONE_TOKEN)) as events:
            _ = [event async for event in events]

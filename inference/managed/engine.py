"""An engine whose model is served by a program that we start, watch and start again."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from bus.errors import Unsupported
from bus.messages import Delta, Finished, Sampling
from inference.engine import Ability, Engine, Judgement, Pixels, Turn
from inference.managed.life import Served
from inference.managed.recipe import Recipe
from inference.managed.start import open_life
from inference.supervised import Kept, kept
from inference.upstream.pictures import pictures_of


@asynccontextmanager
async def open_managed(recipe: Recipe) -> AsyncGenerator[Engine]:
    """Raise `BadSettings` or `EngineError` when the program does not even start once."""
    async with kept(recipe.model, lambda: open_life(recipe)) as program:
        yield ManagedEngine(recipe, program)


@dataclass(frozen=True)
class ManagedEngine:
    """Each life of its program is asked anew what it can do."""

    recipe: Recipe
    program: Kept[Served]

    @property
    def abilities(self) -> frozenset[Ability]:
        return self.program.latest.upstream.abilities

    @property
    def judges_series(self) -> bool:
        return self.program.latest.upstream.judges_series

    @property
    def slots(self) -> int:
        return self.recipe.query.slots

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        life = await self.program.present()
        self._check(life, pictures_of(turns))
        async with aclosing(life.generate(turns, sampling)) as events:
            async for event in events:
                yield event

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        life = await self.program.present()
        self._check(life, pictures)
        return await life.judge(pictures, questions)

    def _check(self, life: Served, pictures: Sequence[Pixels]) -> None:
        if pictures and not life.sees:
            reason = f"the model {self.recipe.model} takes no pictures, or its engine cannot"
            raise Unsupported(reason, param="messages")

"""Several servers behind one model's name: the least busy one is asked, a dead one is not."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager

from bus.errors import Unavailable
from bus.messages import Delta, Finished, Sampling
from bus.tasks import background
from inference.engine import Ability, EngineLost, Judgement, Pixels, Turn
from inference.upstream.failures import Unusable
from inference.upstream.member import Member


class Pool:
    """An `Engine`. Whoever tries again after `EngineLost` gets another server, if one is left."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members

    @property
    def slots(self) -> int:
        return sum(member.upstream.slots for member in self.members)

    @property
    def judges_series(self) -> bool:
        return all(member.upstream.judges_series for member in self._known())

    @property
    def abilities(self) -> frozenset[Ability]:
        """What each of those that were ever there can do."""
        known = [member.upstream.abilities for member in self._known()]
        return frozenset[Ability].intersection(*known) if known else frozenset()

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        with self._member() as member:
            async with aclosing(member.upstream.generate(turns, sampling)) as events:
                async for event in events:
                    yield event

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        with self._member() as member:
            return await member.upstream.judge(pictures, questions)

    @contextmanager
    def _member(self) -> Iterator[Member]:
        """The one to ask now; raise `Unavailable` that says what is wrong with each."""
        standing = [member for member in self.members if member.state != "down"]
        if not standing:
            raise self._unavailable()
        chosen = min(standing, key=lambda member: member.preference)
        try:
            with chosen.used():
                yield chosen
        except Unusable as error:
            if any(member.state != "down" for member in self.members):
                raise EngineLost(str(error)) from error
            raise

    def _unavailable(self) -> Unavailable:
        waits_s = [m.retry_after_s for m in self.members if m.retry_after_s is not None]
        why = "; ".join(member.why for member in self.members)
        return Unavailable(why, retry_after_s=min(waits_s, default=None))

    def _known(self) -> list[Member]:
        return [member for member in self.members if member.known]


@asynccontextmanager
async def open_pool(members: Sequence[Member]) -> AsyncGenerator[Pool]:
    """Wait until one of *members* is there; keep asking those that are not."""
    ready = asyncio.Event()
    async with background(*(member.watch(ready) for member in members)):
        await ready.wait()
        yield Pool(members)

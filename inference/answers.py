"""The answers to one chat: usually one, else several side by side on the same pictures."""

from collections.abc import Callable, Sequence
from contextlib import aclosing

import msgspec

from bus.errors import EngineError
from bus.messages import Chat, Delta, Finished, Sampling
from bus.tasks import together
from inference.engine import Engine, Turn

Put = Callable[[Delta], None]


async def answers(engine: Engine, turns: Sequence[Turn], task: Chat, put: Put) -> Finished:
    """How all of *task*'s answers ended; when one fails, the others end with it."""
    if task.n == 1:  # without a task of its own: nearly all are like that
        return await _answer(engine, turns, task.sampling, put)
    ends = await together(
        _answer(engine, turns, varied(task.sampling, choice), marked(choice, put))
        for choice in range(task.n)
    )
    return msgspec.structs.replace(
        ends[0],
        completion_tokens=sum(end.completion_tokens for end in ends),
        more=tuple(end.reason for end in ends[1:]),
    )


async def _answer(engine: Engine, turns: Sequence[Turn], sampling: Sampling, put: Put) -> Finished:
    async with aclosing(engine.generate(turns, sampling)) as events:
        async for event in events:
            if isinstance(event, Finished):
                return event
            put(event)
    raise EngineError("the engine stopped in the middle of its answer")


def varied(sampling: Sampling, choice: int) -> Sampling:
    """*sampling* for one of several answers: with equal seeds they would all be equal."""
    if sampling.seed is None or not choice:
        return sampling
    return msgspec.structs.replace(sampling, seed=sampling.seed + choice)


def marked(choice: int, put: Put) -> Put:
    """*put* for deltas that belong to *choice*."""
    return lambda delta: put(msgspec.structs.replace(delta, choice=choice))

"""Several answers to one question: side by side, about the same pictures, as one job."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from bus.errors import BadJob
from bus.messages import CameraFrames, Chat, Delta, Finished, Message, Sampling, Text
from inference.engine import EngineLost, Turn
from inference.engines import echo
from tests.conftest import Run
from tests.inference.desk import DONE, Behaviour, desk, grey, open_front


def several(count: int, seed: int | None = None, stream: bool = True) -> Chat:
    """A chat about a text, with so many answers."""
    return Chat((Message("user", (Text("hello"),)),), Sampling(seed=seed), stream, count)


def texts(deltas: Sequence[Delta], count: int) -> list[str]:
    return ["".join(d.text for d in deltas if d.choice == choice) for choice in range(count)]


class SaysItsSeed(Behaviour):
    """Only when three are asked at once; the answer with seed 8 is cut short."""

    def __init__(self) -> None:
        self.three = asyncio.Barrier(3)
        self.seen: list[Sequence[Turn]] = []

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        self.seen.append(turns)
        await self.three.wait()
        yield Delta(str(sampling.seed))
        yield Delta("!")
        yield Finished("length" if sampling.seed == 8 else "stop", 5, 2, cached_tokens=1)


class FailsOnce(Behaviour):
    """The second answer fails when the others have begun; they would never end."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error
        self.others = asyncio.Barrier(3)
        self.closed = 0

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        if self.error is None:
            yield Delta("fine")
            yield DONE
            return
        await self.others.wait()
        if sampling.seed == 1:
            error, self.error = self.error, None
            raise error
        try:
            yield Delta("half")
            await asyncio.Event().wait()
        finally:
            self.closed += 1


@pytest.mark.parametrize("stream", [False, True])
def test_each_answer_has_its_own_seed_and_end(run: Run, redis_url: str, stream: bool) -> None:
    async def scenario() -> None:
        async with desk(redis_url, engine := SaysItsSeed()) as d:
            deltas, last = await d.chat(several(3, 7, stream))
            assert texts(deltas, 3) == ["7!", "8!", "9!"]
            assert (last.reason, last.more) == ("stop", ("length", "stop"))
            assert (last.prompt_tokens, last.completion_tokens, last.cached_tokens) == (5, 6, 1)
            assert all(turns is engine.seen[0] for turns in engine.seen)

    run(scenario())


def test_without_a_seed_none_is_made_up(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with desk(redis_url, SaysItsSeed()) as d:
            assert texts((await d.chat(several(3)))[0], 3) == 3 * ["None!"]

    run(scenario())


def test_the_frames_of_all_answers_are_taken_once(run: Run, redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            echo.open("echo:") as engine,
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(grey(70))
            chat = Chat((Message("user", (CameraFrames("front"),)),), n=3)
            deltas, last = await d.chat(chat)
            assert texts(deltas, 3) == 3 * ["\n[image 1: 120x80 mean RGB 70 70 70]"]
            assert len(last.frames) == 1

    run(scenario())


def test_one_that_fails_ends_all(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with desk(redis_url, engine := FailsOnce(BadJob("no such thing"))) as d:
            with pytest.raises(BadJob, match="no such thing"):
                await d.chat(several(3, 0))
            assert engine.closed == 2
            await d.until_empty()

    run(scenario())


def test_one_whose_engine_died_begins_again_with_the_others(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with desk(redis_url, FailsOnce(EngineLost("killed"))) as d:
            deltas, last = await d.chat(several(3, 0))
            assert texts(deltas, 3) == 3 * ["fine"]
            assert last.more == ("stop", "stop")

    run(scenario())

"""The worker keeps its promise of one last event, whatever the engine does."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from bus.errors import BadImage, DeadlineExceeded, EngineError, LookoutError, Unsupported
from bus.messages import (
    CameraFrames,
    Chat,
    Delta,
    Finished,
    Format,
    Message,
    Sampling,
    StoredPicture,
    Text,
    Tool,
)
from bus.redis import open_redis
from bus.workers import live_workers
from inference.__main__ import main
from inference.engine import EngineLost, Turn
from inference.engines import echo
from inference.settings import InferenceSettings
from inference.worker import TRIES
from tests.conftest import Run
from tests.inference.desk import DONE, Behaviour, desk


class BreaksOff(Behaviour):
    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        yield Delta("half ")
        if self.error:
            raise self.error


class DiesThenAnswers(Behaviour):
    def __init__(self, deaths: int) -> None:
        self.deaths = deaths

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        yield Delta("half ")
        if self.deaths:
            self.deaths -= 1
            raise EngineLost("the engine was killed")
        yield Delta("and half")
        yield DONE


class NeverFinishes(Behaviour):
    def __init__(self) -> None:
        self.started, self.closed = asyncio.Event(), asyncio.Event()

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        try:
            self.started.set()
            await asyncio.Event().wait()
            yield DONE
        finally:
            self.closed.set()


class AnswersInPairs(Behaviour):
    def __init__(self) -> None:
        self.pair = asyncio.Barrier(2)

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        await self.pair.wait()
        yield DONE


def test_a_good_job_ends_with_finished(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with echo.open("echo:") as engine, desk(redis_url, engine) as d:
            text, last = await d.ask(Text("a cat\n sleeps"))
            assert text == "a cat\n sleeps"
            assert (last.reason, last.completion_tokens) == ("stop", 3)
            assert last.timings.queue > 0
            await d.until_empty()

    run(scenario())


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (BadImage("not a JPEG"), BadImage, "not a JPEG"),
        (RuntimeError("boom"), LookoutError, "unexpectedly"),
        (TimeoutError("the engine's own"), LookoutError, "unexpectedly"),
        (None, EngineError, "in the middle"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_broken_engine_ends_with_its_reason(
    run: Run,
    redis_url: str,
    error: Exception | None,
    kind: type[Exception],
    message: str,
    stream: bool,
) -> None:
    async def scenario() -> None:
        async with desk(redis_url, BreaksOff(error)) as d:
            with pytest.raises(kind, match=message):
                await d.ask(stream=stream)
            await d.until_empty()

    run(scenario())


@pytest.mark.parametrize("stream", [False, True])
def test_a_job_whose_engine_died_begins_again(run: Run, redis_url: str, stream: bool) -> None:
    async def scenario() -> None:
        async with desk(redis_url, DiesThenAnswers(TRIES - 1)) as d:
            assert (await d.ask(stream=stream))[0] == "half and half"

    run(scenario())


def test_a_job_that_kills_every_engine_is_given_up(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with desk(redis_url, DiesThenAnswers(TRIES)) as d:
            with pytest.raises(EngineError, match="died 3 times"):
                await d.ask()
            assert (await d.ask())[0] == "half and half"  # the next one is none the worse

    run(scenario())


def test_the_deadline_ends_a_job(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        engine = NeverFinishes()
        async with desk(redis_url, engine) as d:
            with pytest.raises(DeadlineExceeded):
                await d.ask(wait_s=0.3)
            await engine.closed.wait()
            await d.until_empty()

    run(scenario())


def test_a_client_that_leaves_frees_its_slot(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        engine = NeverFinishes()
        async with desk(redis_url, engine) as d:
            asking = asyncio.create_task(d.ask())
            await engine.started.wait()
            asking.cancel()
            await engine.closed.wait()
            while d.worker.busy:
                await asyncio.sleep(0.005)

    run(scenario())


def test_jobs_run_side_by_side(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with desk(redis_url, AnswersInPairs()) as d:
            answers = await asyncio.gather(*(d.ask() for _ in range(4)))
            assert [last.reason for _, last in answers] == 4 * ["stop"]

    run(scenario())


def test_a_stop_lets_what_is_held_finish_and_takes_no_more(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        engine = AnswersInPairs()
        async with desk(redis_url, engine) as d:
            held = asyncio.create_task(d.ask())
            while d.worker.busy != 1:
                await asyncio.sleep(0.005)
            d.stop.set()
            left = asyncio.create_task(d.ask(wait_s=0.2))
            with pytest.raises(DeadlineExceeded):
                await left
            await engine.pair.wait()
            assert (await held)[1].reason == "stop"

    run(scenario())


def test_a_picture_that_has_expired_is_said_to_be_so(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with echo.open("echo:") as engine, desk(redis_url, engine) as d:
            with pytest.raises(BadImage, match="expired"):
                await d.ask(StoredPicture("0" * 64))

    run(scenario())


def test_a_camera_nobody_registered_is_an_error_not_a_wait(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with echo.open("echo:") as engine, desk(redis_url, engine) as d:
            with pytest.raises(LookoutError, match="no camera 'front'"):
                await d.ask(CameraFrames("front"))

    run(scenario())


def test_what_the_engine_cannot_do_is_refused_before_pictures_are_read(
    run: Run, redis_url: str
) -> None:
    async def scenario() -> None:
        async with echo.open("echo:?can=json") as engine, desk(redis_url, engine) as d:
            for field, sampling in (
                ("logit_bias", Sampling(logit_bias=((1, 1.0),))),
                ("logprobs", Sampling(logprobs=0)),
                ("response_format", Sampling(format=Format("{}"))),
                ("tools", Sampling(tools=(Tool("look"),))),
            ):
                said = Message("user", (StoredPicture("0" * 64),))  # which does not exist
                with pytest.raises(Unsupported) as caught:
                    await d.chat(Chat((said,), sampling))
                assert caught.value.param == field
            await d.until_empty()

    run(scenario())


def test_a_worker_says_what_its_engine_can_do(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        stop = asyncio.Event()
        settings = InferenceSettings(redis_url=redis_url, model="echo:?can=tools,json")
        async with asyncio.TaskGroup() as group, open_redis(redis_url) as redis:
            group.create_task(main(settings, stop))
            while not (workers := await live_workers(redis)) or workers[0].state != "ready":
                await asyncio.sleep(0.02)
            assert [worker.abilities for worker in workers] == ["json tools"]
            stop.set()

    run(scenario())

"""Rules get their scores: of the newest frame, through their zones, with the picture as proof."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Literal

import numpy as np
import pytest
from redis.asyncio import Redis

from bus import names
from bus.errors import BadJob, CameraStale, LookoutError
from bus.jpeg import decode_jpeg
from bus.messages import CameraFrames, Delta, Finished, Judged, Question, Sampling
from capture.demo.dice import Dice
from capture.demo.random_scene import random_scene
from capture.demo.render import Renderer
from capture.demo.truth import things_in_view
from inference.engine import Judgement, Pixels, Turn
from inference.engines import echo, openvino
from inference.settings import DEMO_MODEL
from inference.zones import Zone
from tests.conftest import Run
from tests.inference.desk import DONE, Behaviour, desk, grey, open_front

FIRE, DOG = Question("Is there a fire?"), Question("Is there a dog?")
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
RIGHT = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))


def half_white() -> Pixels:
    """Black on the left, white on the right."""
    picture = grey(0, 200, 400)
    picture[:, 200:] = 255
    return picture


class Remembers(Behaviour):
    """What it was shown and asked, judgement by judgement."""

    def __init__(self, *, judges_series: bool = True) -> None:
        self.judges_series = judges_series
        self.shown: list[list[Pixels]] = []
        self.asked: list[list[str]] = []

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        self.shown.append(list(pictures))
        self.asked.append(list(questions))
        return Judgement((0.5,) * len(questions), "logits")


class JudgesWhenTold(Behaviour):
    """Notes what begins and ends; chats end when they are told to, too."""

    slots = 1

    def __init__(self) -> None:
        self.diary: list[str] = []
        self.judging, self.may_judge = asyncio.Event(), asyncio.Event()
        self.chatting, self.may_end = asyncio.Event(), asyncio.Event()

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        self.chatting.set()
        await self.may_end.wait()
        self.diary.append("chat ended")
        yield DONE

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        self.diary.append(f"{questions[0]} began")
        self.judging.set()
        await self.may_judge.wait()
        self.diary.append(f"{questions[0]} ended")
        return Judgement((0.5,), "logits")


def test_the_newest_frame_is_judged(run: Run, redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            echo.open("echo:") as engine,
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(grey(255), age_s=0.4)
            began = perf_counter()
            await front.film(grey(51), age_s=0.2)
            judged = await d.judge(FIRE, DOG)
            took_ms = (perf_counter() - began) * 1000
            assert judged.scores == (0.2, 0.2)
            assert (judged.by, judged.evidence) == ("logits", False)
            (frame,) = judged.frames
            assert (frame.camera, frame.seq, frame.width, frame.height) == ("front", 2, 120, 80)
            assert 200 <= frame.age_ms < 200 + took_ms
            parts = judged.timings
            assert 0 < parts.queue + parts.pictures + parts.engine <= took_ms
            assert not await d.redis.exists(names.evidence("1"))

    run(scenario())


def test_a_question_about_a_zone_is_about_nothing_else(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            echo.open("echo:") as engine,
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(half_white())
            through = Question("?", RIGHT), FIRE, Question("?", LEFT), Question("?", RIGHT, "mask")
            judged = await d.judge(*through)
            right, whole, left, masked = judged.scores
            assert right == pytest.approx(1, abs=0.06)
            assert left == pytest.approx(0, abs=0.06)
            assert whole == 0.5
            assert masked == pytest.approx((128 / 255 + 1) / 2, abs=0.005)

    run(scenario())


def test_each_picture_is_shown_once_with_all_its_questions(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    questions = (
        Question("a"),
        Question("b", LEFT),
        Question("c", prompt="Only yes or no: {question} {x} {{question}}"),
        Question("d", LEFT, "mask"),
        Question("{question}", LEFT, prompt="In the yard, {question}"),
        Question("f", (), "mask"),
    )

    async def scenario() -> None:
        engine = Remembers()
        async with (
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(half_white())
            await d.judge(*questions)
        assert engine.asked == [
            ["a", "Only yes or no: c {x} {c}", "f"],
            ["b", "In the yard, {question}"],
            ["d"],
        ]
        assert [pictures[0].shape for pictures in engine.shown] == [
            (200, 400, 3),
            (200, 210, 3),
            (200, 400, 3),
        ]

    run(scenario())


def test_evidence_is_the_whole_frame_and_there_before_the_answer(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            echo.open("echo:") as engine,
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            picture = half_white()
            picture[:100] //= 2
            await front.film(picture)
            judged = await d.judge(Question("?", RIGHT), FIRE, evidence_above=0.6)
            kept = await evidence(d.redis, "1")
            assert (judged.evidence, judged.evidence_ms > 0) == (True, True)
            assert kept.shape == picture.shape
            assert np.abs(kept.astype(int) - picture).mean() < 2
            assert 100 < await d.redis.ttl(names.evidence("1")) <= 120
            judged = await d.judge(Question("?", RIGHT), FIRE, evidence_above=0.9)
            assert (judged.evidence, judged.evidence_ms) == (False, 0)
            assert not await d.redis.exists(names.evidence("2"))

    run(scenario())


async def evidence(redis: Redis, job_id: str) -> Pixels:
    jpeg = await redis.get(names.evidence(job_id))
    assert isinstance(jpeg, bytes)
    return decode_jpeg(jpeg)


@pytest.mark.parametrize(("age_s", "max_age_s"), [(2.0, 1.0), (60.0, 5.0)])
def test_an_old_frame_says_nothing_about_now(
    run: Run, redis_url: str, tmp_path: Path, age_s: float, max_age_s: float
) -> None:
    async def scenario() -> None:
        async with (
            echo.open("echo:") as engine,
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(grey(255), age_s)
            with pytest.raises(CameraStale, match="front"):
                await d.judge(FIRE, max_age_s=max_age_s)
            await front.film(grey(255))
            assert (await d.judge(FIRE, max_age_s=max_age_s)).scores == (1.0,)

    run(scenario())


def test_a_judgement_without_its_camera_fails_too(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with echo.open("echo:") as engine, desk(redis_url, engine) as d:
            with pytest.raises(LookoutError, match="no camera"):
                await d.judge(FIRE)

    run(scenario())


@pytest.mark.parametrize(
    "zone", [((0.1, 0.1), (0.5, 0.5)), ((0.1, 0.1), (0.5, 0.5), (float("nan"), 0.2))]
)
@pytest.mark.parametrize("mode", ["crop", "mask"])
def test_what_is_no_zone_is_said_to_be_none(
    run: Run, redis_url: str, tmp_path: Path, zone: Zone, mode: Literal["crop", "mask"]
) -> None:
    async def scenario() -> None:
        async with (
            echo.open("echo:") as engine,
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(grey(0))
            with pytest.raises(BadJob, match="at least three points"):
                await d.judge(Question("?", zone, mode))

    run(scenario())


def test_an_engine_that_only_talks_is_taken_at_its_word(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            echo.open("echo:?judge=text") as engine,
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(grey(0))
            said = Question("Yes, I see one"), Question("No."), Question("Who knows?")
            judged = await d.judge(*said, Question("who?", prompt="yes: {question}"))
            assert (judged.scores, judged.by) == ((1.0, 0.0, None, 1.0), "text")
            judged = await d.judge(*said[1:], evidence_above=0.0)
            assert judged.evidence
            assert not (await d.judge(said[2], evidence_above=0.0)).evidence

    run(scenario())


def test_an_engine_that_judges_one_picture_gets_the_newest_at_once(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        engine = Remembers(judges_series=False)
        async with (
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(grey(7))
            judged = await d.judge(FIRE, frames=CameraFrames("front", 4, span_s=300))
            assert [int(picture.max()) for picture in engine.shown[0]] == [7]
            assert len(judged.frames) == 1

    run(scenario())


def test_several_frames_are_shown_oldest_first(run: Run, redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = Remembers()
        async with (
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(grey(0))
            judging = asyncio.create_task(
                d.judge(FIRE, frames=CameraFrames("front", 3, 0.2), evidence_above=0.5)
            )
            for value in range(10, 250, 10):
                if judging.done():
                    break
                await front.film(grey(value))
                await asyncio.sleep(0.02)
            judged = await judging
            values = [int(picture.max()) for picture in engine.shown[0]]
            assert (len(values), values) == (3, sorted(set(values)))
            seen = [frame.seq for frame in judged.frames]
            assert seen == [1 + value // 10 for value in values]
            assert abs(int((await evidence(d.redis, "1")).mean()) - values[-1]) <= 1

    run(scenario())


def test_a_chat_finds_its_slot_however_much_there_is_to_judge(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        engine = JudgesWhenTold()
        async with (
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(grey(0))
            rules = [asyncio.create_task(d.judge(Question(str(n)))) for n in range(4)]
            await engine.judging.wait()
            engine.may_end.set()
            await d.ask()
            await d.ask()
            assert engine.diary == ["0 began", "chat ended", "chat ended"]
            engine.may_judge.set()
            await asyncio.gather(*rules)
            one_by_one = [f"{n} {what}" for n in range(4) for what in ("began", "ended")]
            assert [entry for entry in engine.diary if entry != "chat ended"] == one_by_one

    run(scenario())


def test_rules_wait_while_chats_have_all_slots(run: Run, redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = JudgesWhenTold()
        async with (
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(grey(0))
            first = asyncio.create_task(d.judge(Question("first")))
            await engine.judging.wait()
            chat = asyncio.create_task(d.ask())
            await engine.chatting.wait()
            engine.may_judge.set()
            await first
            second = asyncio.create_task(d.judge(Question("second")))
            while not await d.redis.xlen(names.jobs("m", "background")):
                await asyncio.sleep(0.005)
            engine.may_end.set()
            await asyncio.gather(chat, second)
            assert engine.diary == [
                *("first began", "first ended", "chat ended", "second began", "second ended")
            ]

    run(scenario())


def test_a_stop_lets_a_judgement_finish(run: Run, redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = JudgesWhenTold()
        async with (
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(grey(0))
            judging = asyncio.create_task(d.judge(FIRE))
            await engine.judging.wait()
            d.stop.set()
            engine.may_judge.set()
            assert isinstance(await judging, Judged)

    run(scenario())


@pytest.mark.parametrize("mode", ["crop", "mask"])
def test_the_demo_model_sees_only_what_is_in_the_zone(
    run: Run, redis_url: str, tmp_path: Path, mode: Literal["crop", "mask"]
) -> None:
    async def scenario() -> None:
        async with (
            openvino.open(DEMO_MODEL) as engine,
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            # A box and a truck on the left, a car on the right.
            for number, seed in enumerate((0, 4, 8), start=1):
                scene = random_scene(Dice(seed), count=1, night=False)
                (seen,) = things_in_view(scene)
                await front.film(Renderer(640, 360).render(scene))
                asked = f"Is there a {seen.kind}?"
                zones = (Question(asked, LEFT, mode), Question(asked, RIGHT, mode))
                while (judged := await d.judge(Question(asked), *zones)).frames[0].seq < number:
                    pass  # the word of the new frame is still on its way
                assert judged.by == "logits"
                found = [score is not None and score > 0.5 for score in judged.scores]
                assert found == [True, seen.place == "left", seen.place == "right"]

    run(scenario())

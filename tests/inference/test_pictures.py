"""What a model gets to see of a job: pictures no larger than asked for, and every turn whole."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bus import names
from bus.jpeg import encode_jpeg
from bus.messages import (
    CameraFrames,
    Chat,
    Delta,
    Finished,
    Message,
    Question,
    Sampling,
    StoredPicture,
    Text,
    ToolCall,
)
from inference.engine import Judgement, Pixels, Turn
from inference.engines import echo
from inference.pictures import DECODERS
from inference.scale import shrunk
from tests.conftest import Run
from tests.inference.desk import DONE, Behaviour, desk, grey, open_front


class Remembers(Behaviour):
    def __init__(self) -> None:
        self.turns: Sequence[Turn] = ()
        self.judged: Sequence[Pixels] = ()

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        self.turns = turns
        yield DONE

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        self.judged = pictures
        return Judgement((0.5,) * len(questions), "logits")


async def store(redis: Redis, width: int, height: int) -> str:
    await redis.set(names.image("abc"), encode_jpeg(grey(90, height, width)))
    return "abc"


def sizes(answer: str) -> list[str]:
    return [line.split()[2] for line in answer.splitlines() if line.startswith("[image")]


@pytest.mark.parametrize(
    ("size", "max_side", "seen"),
    [
        ((900, 600), 0, (900, 600)),
        ((900, 600), 300, (300, 200)),
        ((600, 900), 300, (200, 300)),
        ((900, 600), 900, (900, 600)),
        ((900, 600), 5000, (900, 600)),
        ((9000, 2), 90, (90, 1)),
    ],
)
def test_a_picture_is_made_smaller_and_never_larger(
    size: tuple[int, int], max_side: int, seen: tuple[int, int]
) -> None:
    width, height = size
    assert shrunk(grey(90, height, width), max_side).shape == (seen[1], seen[0], 3)


def test_one_picture_may_be_shown_at_several_sizes(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with echo.open("echo:") as engine, desk(redis_url, engine) as d:
            digest = await store(d.redis, 1280, 720)
            small, whole = StoredPicture(digest, 512), StoredPicture(digest)
            for parts, seen in (
                ((small, whole, StoredPicture(digest, 4000)), ["512x288", "1280x720", "1280x720"]),
                ((whole, small), ["1280x720", "512x288"]),
            ):
                assert sizes((await d.ask(*parts))[0]) == seen
            await d.redis.delete(names.image(digest))  # seen lately: both sizes are remembered
            assert sizes((await d.ask(small, whole))[0]) == ["512x288", "1280x720"]

    run(scenario())


def test_however_many_pictures_come_only_some_take_memory_at_a_time(
    run: Run, redis_url: str
) -> None:
    async def scenario() -> None:
        async with echo.open("echo:?slots=8") as engine, desk(redis_url, engine) as d:
            for number in range(12):
                await d.redis.set(names.image(str(number)), encode_jpeg(grey(number, 720, 1280)))
            others = set(threading.enumerate())
            asking = [d.ask(StoredPicture(str(number))) for number in range(12)]
            seen = [sizes(text) for text, _ in await asyncio.gather(*asking)]
            assert seen == 12 * [["1280x720"]]
            new = set(threading.enumerate()) - others
            assert 1 <= len([t for t in new if t.name.startswith("decode_")]) <= DECODERS

    run(scenario())


def test_frames_of_a_camera_are_taken_once_for_several_sizes(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            echo.open("echo:") as engine,
            desk(redis_url, engine, tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(grey(50, 720, 1280))
            small, whole = CameraFrames("front", max_side=512), CameraFrames("front")
            text, last = await d.ask(small, whole, CameraFrames("front", max_side=4000))
            assert sizes(text) == ["512x288", "1280x720", "1280x720"]
            assert [(used.width, used.height) for used in last.frames] == [(1280, 720)]

    run(scenario())


def test_a_judge_sees_no_more_of_a_frame_than_asked_for(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            desk(redis_url, engine := Remembers(), tmp_path) as d,
            open_front(d.redis, tmp_path) as front,
        ):
            await front.film(grey(50, 720, 1280))
            await d.judge(Question("fire?"), frames=CameraFrames("front", max_side=512))
            assert [picture.shape for picture in engine.judged] == [(288, 512, 3)]

    run(scenario())


def test_calls_and_their_answers_reach_the_engine(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        call = ToolCall("c1", "look", "{}")
        said = (
            Message("user", (Text("what is there?"),)),
            Message("assistant", (), calls=(call,)),
            Message("tool", (Text("a cat"),), call_id="c1"),
        )
        async with desk(redis_url, engine := Remembers()) as d:
            await d.chat(Chat(said))
            assert engine.turns == [
                Turn("user", ("what is there?",)),
                Turn("assistant", (), calls=(call,)),
                Turn("tool", ("a cat",), call_id="c1"),
            ]

    run(scenario())

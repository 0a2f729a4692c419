"""What was said about a camera is told to others; no answer waits for that, or fails with it."""

import asyncio
from time import monotonic

import pytest
from redis.asyncio import Redis

from api.said import MOST_ANSWER, MOST_QUESTION, MOST_WAITING, Said, question_of
from bus import names
from bus.answers import Answers
from bus.messages import CameraSpec, Finished, FrameUsed, Message, Text, encode
from bus.redis import open_redis
from bus.tasks import background
from compose.ports import free_port
from tests.conftest import Run


def finished(*cameras: str) -> Finished:
    frames = tuple(FrameUsed(camera, 1, 0.0, 0.0, 64, 48) for camera in cameras)
    return Finished("stop", 1, 1, frames)


def asked(*texts: str) -> tuple[Message, ...]:
    return (
        Message("system", (Text("be brief"),)),
        Message("user", (Text("an old question"),)),
        Message("assistant", (Text("an old answer"),)),
        Message("user", tuple(Text(text) for text in texts)),
    )


async def seconds(redis: Redis) -> float:
    return await redis.pttl(names.answer("gate")) / 1000


def test_every_camera_of_an_answer_hears_of_it_once(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with open_redis(redis_url) as redis:
            answers, said = Answers(redis), Said(redis)
            async with background(answers.run()):
                said.tell(asked("Who?"), "A dog.", finished("gate", "yard", "gate"), 7.0)
                said.tell(asked("What?"), "Nothing.", finished(), 8.0)
                while not answers.of("yard") or not answers.of("gate"):  # it may have been early
                    await asyncio.sleep(0.02)
                    said.tell(asked("Who?"), "A dog.", finished("gate", "yard"), 7.0)
                for camera in ("gate", "yard"):
                    told = answers.of(camera)
                    assert told
                    assert (told.question, told.answer, told.at) == ("Who?", "A dog.", 7.0)
            assert 500 < await seconds(redis) <= 600

    run(scenario())


def test_who_comes_later_reads_what_was_said(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with open_redis(redis_url) as redis:
            await redis.hset(names.CAMERAS, "gate", encode(CameraSpec("gate", "demo:")))
            Said(redis).tell(asked("q" * 9999), "a" * 9999, finished("gate"), 7.0)
            while not await redis.exists(names.answer("gate")):
                await asyncio.sleep(0.01)
            answers = Answers(redis)
            async with background(answers.run()):
                while not (told := answers.of("gate")):
                    await asyncio.sleep(0.01)
            assert (len(told.question), len(told.answer)) == (MOST_QUESTION, MOST_ANSWER)
            assert answers.camera() == "gate"

    run(scenario())


def test_while_redis_is_away_it_is_dropped(run: Run) -> None:
    async def scenario() -> None:
        before = asyncio.all_tasks()
        async with open_redis(f"redis://127.0.0.1:{free_port()}", 0.5) as redis:
            said = Said(redis)
            began = monotonic()
            for _ in range(MOST_WAITING * 3):
                said.tell(asked("Who?"), "A dog.", finished("gate"), 7.0)
            assert monotonic() - began < 0.5
            telling = asyncio.all_tasks() - before
            assert len(telling) == MOST_WAITING
            assert set(await asyncio.gather(*telling)) == {None}

    run(scenario())


@pytest.mark.parametrize(
    ("messages", "question"),
    [
        (asked("Who is", "there?"), "Who is\nthere?"),
        (asked(), ""),
        ((*asked("Who?"), Message("assistant", (Text("A"),))), "Who?"),
        ((), ""),
    ],
)
def test_the_question_is_what_the_user_said_last(
    messages: tuple[Message, ...], question: str
) -> None:
    assert question_of(messages) == question

"""Tells whoever shows a camera's picture what was just said about it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from redis.asyncio import Redis

from bus import names
from bus.messages import Answered, Finished, Message, Text, encode
from bus.redis import AWAY

KEEP_MS = 600_000  # for who comes later
MOST_QUESTION, MOST_ANSWER = 500, 2000  # characters
MOST_WAITING = 64  # tellings, while Redis is away; the next ones are dropped


class Said:
    """What it tells is nice to know: no answer waits for it, or fails with it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._telling = set[asyncio.Task[None]]()

    def tell(self, messages: Sequence[Message], answer: str, last: Finished, at: float) -> None:
        """*answer* to *messages* came *at* unix seconds, about the frames that *last* names."""
        cameras = sorted({frame.camera for frame in last.frames})
        if not cameras or len(self._telling) >= MOST_WAITING:
            return
        question = question_of(messages)[:MOST_QUESTION]
        news = [Answered(camera, question, answer[:MOST_ANSWER], at) for camera in cameras]
        task = asyncio.create_task(self._tell(news))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, news: Sequence[Answered]) -> None:
        with suppress(*AWAY):
            async with self._redis.pipeline(transaction=False) as pipe:
                for answered in news:
                    data = encode(answered)
                    pipe.set(names.answer(answered.camera), data, px=KEEP_MS)
                    pipe.publish(names.ANSWERS, data)
                await pipe.execute()


def question_of(messages: Sequence[Message]) -> str:
    """The text of what the user said last."""
    for message in reversed(messages):
        if message.role == "user":
            return "\n".join(part.text for part in message.parts if isinstance(part, Text))
    return ""

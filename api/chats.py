"""
From what a client asks to a job, and from its events to an answer.

What OpenAI's two ways to ask have in common: the shapes of neither are known here.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from time import time

import msgspec

from api import conversation, json_output
from api.conversation import Place
from api.image_urls import ImageUrls
from api.metrics import Metrics
from api.models import Models
from api.said import Said
from api.schemas import Message
from api.settings import ApiSettings
from bus import messages as wire
from bus.errors import DeadlineExceeded, EngineError, LookoutError
from bus.jobs import JobClient, Retried
from bus.log import JOB

Event = wire.Delta | Retried | wire.Finished


class Asked(msgspec.Struct, frozen=True):
    """What a client wants, checked as far as its own words go."""

    model: str | None
    messages: Sequence[Message]
    sampling: wire.Sampling
    stream: bool
    param: Place
    n: int = 1


class Choice(msgspec.Struct, frozen=True):
    """One of the answers to a question."""

    text: str
    scores: tuple[wire.TokenScore, ...]
    calls: tuple[wire.ToolCall, ...]
    reason: wire.Reason


class Whole(msgspec.Struct, frozen=True):
    choices: tuple[Choice, ...]
    last: wire.Finished
    total_s: float


class Heard(msgspec.Struct):
    """What has come of one answer so far."""

    pieces: list[str] = []
    scores: list[wire.TokenScore] = []
    calls: dict[int, wire.ToolCall] = {}

    def add(self, delta: wire.Delta) -> None:
        self.pieces.append(delta.text)
        self.scores += delta.scores
        for piece in delta.calls:
            call = self.calls.get(piece.index) or wire.ToolCall(piece.id, piece.name, "")
            arguments = call.arguments + piece.arguments
            self.calls[piece.index] = msgspec.structs.replace(call, arguments=arguments)

    def choice(self, reason: wire.Reason) -> Choice:
        calls = tuple(call for _, call in sorted(self.calls.items()))
        return Choice("".join(self.pieces), tuple(self.scores), calls, reason)


@dataclass(frozen=True)
class Chats:
    """Everything a chat needs, for the life of the process."""

    settings: ApiSettings
    jobs: JobClient
    models: Models
    images: ImageUrls
    metrics: Metrics
    said: Said

    async def job(self, asked: Asked, prefix: str = "chatcmpl-") -> wire.Job:
        """Have pictures fetched and cameras opened, in time; the job's id begins with *prefix*."""
        with self._counted():
            try:
                async with asyncio.timeout(self.settings.request_timeout_s):
                    return await self._job(asked, prefix)
            except TimeoutError as error:
                raise DeadlineExceeded("the request could not be prepared in time") from error

    async def _job(self, asked: Asked, prefix: str) -> wire.Job:
        began = time()
        model = await self.models.resolve(asked.model)
        most = self.settings.max_pictures
        messages = await conversation.read(asked.messages, self.images, most, asked.param)
        job = f"{prefix}{uuid.uuid4().hex}"
        JOB.set(job)  # every line of the log that is written for this request says it
        return wire.Job(
            id=job,
            model=model,
            process=self.settings.process,
            task=wire.Chat(messages, asked.sampling, asked.stream, asked.n),
            created=time(),
            deadline=began + self.settings.request_timeout_s,
        )

    async def events(self, job: wire.Job) -> AsyncGenerator[Event]:
        """
        What *job* yields; the last one is `Finished`, whose answer is what was asked for.

        Raise what `JobClient.ask` does, and `BadOutput`. However it ends, it is counted.
        """
        task = job.task
        assert isinstance(task, wire.Chat)
        with self._counted():
            said: list[list[str]] = [[] for _ in range(task.n)]
            async with aclosing(self.jobs.ask(job, "interactive")) as events:
                async for event in events:
                    if isinstance(event, wire.Delta):
                        said[event.choice].append(event.text)
                    elif isinstance(event, Retried):
                        said = [[] for _ in range(task.n)]
                    else:
                        break
                    yield event
                else:
                    raise EngineError("the worker sent no answer")
            if not isinstance(event, wire.Finished):
                raise EngineError("the worker sent the answer to something else")
            if task.sampling.format:
                for pieces, reason in zip(said, (event.reason, *event.more), strict=False):
                    if reason == "stop":
                        await json_output.check(task.sampling.format, "".join(pieces))
        self._answered(job, "".join(said[0]), event)
        yield event

    async def whole(self, job: wire.Job) -> Whole:
        """The answers in one piece; an attempt that died with its worker leaves no trace."""
        heard: dict[int, Heard] = {}
        async with aclosing(self.events(job)) as events:
            async for event in events:
                match event:
                    case wire.Delta():
                        heard.setdefault(event.choice, Heard()).add(event)
                    case Retried():
                        heard = {}
                    case wire.Finished():
                        reasons = enumerate((event.reason, *event.more))
                        choices = (heard.get(i, Heard()).choice(why) for i, why in reasons)
                        return Whole(tuple(choices), event, time() - job.created)
        raise EngineError("the worker sent no answer")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count how the block ends, unless it ends well."""
        try:
            yield
        except LookoutError as error:
            self.metrics.requests.labels(error.code).inc()
            raise
        except (GeneratorExit, asyncio.CancelledError):
            self.metrics.requests.labels("gone").inc()
            raise

    def _answered(self, job: wire.Job, text: str, last: wire.Finished) -> None:
        now = time()
        messages = job.task.messages if isinstance(job.task, wire.Chat) else ()
        self.metrics.answered(last, now - job.created)
        self.said.tell(messages, text, last, now)

"""`POST /v1/chat/completions`: from OpenAI's request to a job, from its events to the answer."""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from time import time

import msgspec
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from api import answers
from api import errors as failures
from api.answers import Identity
from api.image_urls import ImageUrls
from api.leaving import gone
from api.metrics import Metrics
from api.models import Models
from api.said import Said
from api.schemas import ChatRequest, ImagePart, Message, StreamPart, TextPart
from api.settings import ApiSettings
from bus import messages as wire
from bus.errors import BadJob, DeadlineExceeded, EngineError, LookoutError
from bus.jobs import JobClient, Retried
from bus.tasks import ended_by, together

DEFAULT_MAX_TOKENS = 512

Picture = wire.StoredPicture | wire.CameraFrames
Events = AsyncGenerator[wire.Delta | Retried | wire.Finished | wire.Judged]


@dataclass(frozen=True)
class Chats:
    """Everything a chat needs, for the life of the process."""

    settings: ApiSettings
    jobs: JobClient
    models: Models
    images: ImageUrls
    metrics: Metrics
    said: Said

    async def job(self, request: ChatRequest) -> wire.Job:
        """Check what the schema cannot, fetch the pictures, have the cameras opened; in time."""
        try:
            async with asyncio.timeout(self.settings.request_timeout_s):
                return await self._job(request)
        except TimeoutError as error:
            raise DeadlineExceeded("the request could not be prepared in time") from error

    async def _job(self, request: ChatRequest) -> wire.Job:
        began = time()
        model = await self.models.resolve(request.model)
        sampling = _sampling(request)
        messages = await self._messages(request.messages)
        return wire.Job(
            id=f"chatcmpl-{uuid.uuid4().hex}",
            model=model,
            process=self.settings.process,
            task=wire.Chat(messages, sampling, bool(request.stream)),
            created=time(),
            deadline=began + self.settings.request_timeout_s,
        )

    async def _messages(self, messages: list[Message]) -> tuple[wire.Message, ...]:
        """Pictures of all messages are resolved side by side: the slowest one is the price."""
        parts = {
            f"messages[{i}].content[{j}].{part.type}": part
            for i, message in enumerate(messages)
            if not isinstance(message.content, str)
            for j, part in enumerate(message.content)
            if not isinstance(part, TextPart)
        }
        if len(parts) > self.settings.max_pictures:
            raise BadJob(
                f"{len(parts)} pictures in one request: at most {self.settings.max_pictures}",
                param="messages",
            )
        pictures = await together(self._resolve(part, param) for param, part in parts.items())
        found = iter(pictures)  # in the order of the parts
        return tuple(
            wire.Message(
                "system" if message.role == "developer" else message.role,
                (wire.Text(message.content),)
                if isinstance(message.content, str)
                else tuple(
                    wire.Text(part.text) if isinstance(part, TextPart) else next(found)
                    for part in message.content
                ),
            )
            for message in messages
        )

    async def _resolve(self, part: ImagePart | StreamPart, param: str) -> Picture:
        if isinstance(part, StreamPart):
            return await self.images.stream(part.stream, param)
        return await self.images.resolve(part.image_url.url, param)


def _sampling(request: ChatRequest) -> wire.Sampling:
    return wire.Sampling(
        max_tokens=request.max_completion_tokens or request.max_tokens or DEFAULT_MAX_TOKENS,
        min_tokens=request.min_tokens or 0,
        temperature=request.temperature,
        top_p=request.top_p,
        seed=request.seed,
        stop=tuple(request.stop or ()),
        presence_penalty=request.presence_penalty or 0.0,
        frequency_penalty=request.frequency_penalty or 0.0,
    )


class Answer:
    """One chat under way: how its events become what the client reads."""

    def __init__(self, chats: Chats, job: wire.Job, usage_wanted: bool) -> None:
        self._metrics, self._said = chats.metrics, chats.said
        self._messages = job.task.messages if isinstance(job.task, wire.Chat) else ()
        self._events: Events = chats.jobs.ask(job, "interactive")
        self._identity = Identity(job.id, int(job.created), job.model)
        self._created = job.created
        self._usage_wanted = usage_wanted

    async def whole(self) -> Response:
        """The answer in one piece; an attempt that died with its worker leaves no trace."""
        text = ""
        async with aclosing(self._events) as events:
            async for event in events:
                match event:
                    case wire.Delta():
                        text += event.text
                    case Retried():
                        text = ""
                    case wire.Finished():
                        total_s = self._done(event, text)
                        return failures.Json(
                            answers.completion(self._identity, text, event, total_s * 1000)
                        )
        raise EngineError("the worker sent no answer")

    async def streamed(self) -> Response:
        """Wait for the first event, so that a failure before it still has its status."""
        first = await anext(self._events)
        return StreamingResponse(self._lines(first), media_type="text/event-stream")

    async def _lines(self, first: object) -> AsyncGenerator[bytes]:
        async with aclosing(self._events) as events:
            text = ""
            try:
                yield self._line({"role": "assistant", "content": ""})
                async for event in _chain(first, events):
                    if isinstance(event, wire.Delta):
                        text += event.text
                        yield self._line({"content": event.text})
                    elif isinstance(event, wire.Finished):
                        for line in self._last_lines(event, text):
                            yield line
                    else:  # half an answer has been read: it cannot begin again
                        raise EngineError("the worker died in the middle of the answer")
            except LookoutError as error:
                self._metrics.requests.labels(error.code).inc()
                yield _event(failures.body(error))
            except GeneratorExit:
                self._metrics.requests.labels("gone").inc()
                raise

    def _line(
        self, delta: dict[str, str], finish_reason: str | None = None, **more: object
    ) -> bytes:
        if self._usage_wanted:
            more["usage"] = None  # until the very last
        return _event(answers.chunk(self._identity, delta, finish_reason, **more))

    def _last_lines(self, last: wire.Finished, text: str) -> list[bytes]:
        evidence = answers.evidence(last, self._done(last, text) * 1000)
        lines = [self._line({}, last.reason, lookout=evidence)]
        if self._usage_wanted:
            lines.append(_event(answers.chunk(self._identity, None, usage=answers.usage(last))))
        return [*lines, b"data: [DONE]\n\n"]

    def _done(self, last: wire.Finished, text: str) -> float:
        """Count the answer and tell of it; its time in seconds."""
        now = time()
        total_s = now - self._created
        self._metrics.answered(last, total_s)
        self._said.tell(self._messages, text, last, now)
        return total_s


async def _chain(first: object, rest: Events) -> AsyncGenerator[object]:
    yield first
    async for event in rest:
        yield event


def _event(content: dict[str, object]) -> bytes:
    return b"data: " + msgspec.json.encode(content) + b"\n\n"


router = APIRouter()  # says in the schema what `routes` does

JSON_TYPE = re.compile(r"application/([\w.-]+\+)?json", re.IGNORECASE)
PATHS = ("/chat/completions", "/chat/completion")


def routes(prefix: str) -> list[Route]:
    """The chat's routes, to stand before FastAPI's: half the price of a request is saved."""
    return [Route(prefix + path, answer, methods=["POST"]) for path in PATHS]


@router.post("/chat/completions")
async def create(body: ChatRequest, request: Request) -> Response:
    """Answer a conversation whose pictures may be live cameras."""
    return await _answer(body, request)


async def answer(request: Request) -> Response:
    return await _answer(_parse(await request.body(), request.headers), request)


def _parse(body: bytes, headers: Headers) -> ChatRequest:
    """The request, or the errors that FastAPI itself would have found."""
    kind, _, _ = headers.get("content-type", "").partition(";")
    if not JSON_TYPE.fullmatch(kind.strip()):
        raise _invalid("dict_type", ())
    try:
        return ChatRequest.model_validate(json.loads(body))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _invalid(first["type"], first["loc"], first["msg"]) from error
    except (ValueError, RecursionError) as error:
        raise _invalid("json_invalid", ()) from error


def _invalid(kind: str, place: tuple[int | str, ...], message: str = "") -> Exception:
    return RequestValidationError([{"type": kind, "loc": ("body", *place), "msg": message}])


async def _answer(body: ChatRequest, request: Request) -> Response:
    chats: Chats = request.app.state.chats
    try:
        async with ended_by(gone(request.receive)):
            job = await chats.job(body)
            options = body.stream_options
            answer = Answer(chats, job, bool(options and options.include_usage))
            return await (answer.streamed() if body.stream else answer.whole())
    except LookoutError as error:
        chats.metrics.requests.labels(error.code).inc()
        raise
    chats.metrics.requests.labels("gone").inc()
    return Response(status_code=499)  # nobody reads it

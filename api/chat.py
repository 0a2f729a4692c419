"""`POST /v1/chat/completions`: OpenAI's request becomes a question, and its answer OpenAI's."""

import json
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from time import time

import msgspec
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from api import answers, sampling
from api import errors as failures
from api.answers import Identity
from api.chat_request import ChatRequest
from api.chats import Asked, Chats, Event
from api.leaving import gone
from api.shapes.chat import ChatCompletion
from api.shapes.stating import ASKING, refusals, streamed
from bus import messages as wire
from bus.errors import EngineError, LookoutError
from bus.tasks import ended_by


class Answer:
    """One chat under way: how its events become what the client reads."""

    def __init__(self, chats: Chats, job: wire.Job, request: ChatRequest) -> None:
        self._chats, self._job = chats, job
        self._identity = Identity.of(job.id, job.created, job.model)
        options = request.stream_options
        self._usage_wanted = bool(options and options.include_usage)
        self._scores_wanted = bool(request.logprobs)
        self._begun = set[int]()  # choices of a stream whose role has been told

    async def whole(self) -> Response:
        found = await self._chats.whole(self._job)
        choices = [
            answers.choice(
                index, one.text, one.calls, one.scores if self._scores_wanted else None, one.reason
            )
            for index, one in enumerate(found.choices)
        ]
        total_ms = found.total_s * 1000
        return failures.Json(answers.completion(self._identity, choices, found.last, total_ms))

    async def streamed(self) -> Response:
        """Wait for the first event, so that a failure before it still has its status."""
        events = self._chats.events(self._job)
        first = await anext(events)
        return StreamingResponse(self._lines(first, events), media_type="text/event-stream")

    async def _lines(self, first: Event, rest: AsyncGenerator[Event]) -> AsyncGenerator[bytes]:
        async with aclosing(rest) as events:
            try:
                for line in self._lines_of(first):
                    yield line
                async for event in events:
                    for line in self._lines_of(event):
                        yield line
            except LookoutError as error:
                yield _event(failures.body(error))

    def _lines_of(self, event: Event) -> Iterator[bytes]:
        match event:
            case wire.Delta():
                yield from self._begin(event.choice, bool(event.calls and not event.text))
                yield from self._pieces(event)
            case wire.Finished():
                yield from self._end(event)
            case _:  # half an answer has been read: it cannot begin again
                raise EngineError("the worker died in the middle of the answer")

    def _begin(self, choice: int, calls_only: bool = False) -> Iterator[bytes]:
        if choice not in self._begun:
            self._begun.add(choice)
            content = None if calls_only else ""
            yield self._line(choice, {"role": "assistant", "content": content, "refusal": None})

    def _pieces(self, event: wire.Delta) -> Iterator[bytes]:
        if event.text or event.scores:
            yield self._line(event.choice, {"content": event.text}, scores=event.scores)
        if event.calls:
            yield self._line(event.choice, {"tool_calls": answers.call_deltas(event.calls)})

    def _end(self, last: wire.Finished) -> Iterator[bytes]:
        reasons = (last.reason, *last.more)
        for choice, reason in enumerate(reasons):
            yield from self._begin(choice)
            if choice < len(reasons) - 1:
                yield self._line(choice, {}, reason)
            else:
                total_ms = (time() - self._job.created) * 1000
                yield self._line(choice, {}, reason, lookout=answers.evidence(last, total_ms))
        if self._usage_wanted:
            yield _event(answers.chunk(self._identity, (), usage=answers.usage(last)))
        yield b"data: [DONE]\n\n"

    def _line(
        self,
        choice: int,
        delta: dict[str, object],
        reason: str | None = None,
        scores: tuple[wire.TokenScore, ...] = (),
        **more: object,
    ) -> bytes:
        if self._usage_wanted:
            more["usage"] = None  # until the very last
        one = answers.chunk_choice(choice, delta, reason, scores)
        return _event(answers.chunk(self._identity, (one,), **more))


def _event(content: dict[str, object]) -> bytes:
    return b"data: " + msgspec.json.encode(content) + b"\n\n"


router = APIRouter(tags=["chat"])  # says in the schema what `routes` does

JSON_TYPE = re.compile(r"application/([\w.-]+\+)?json", re.IGNORECASE)
PATHS = ("/chat/completions", "/chat/completion")
ANSWER = streamed(
    ChatCompletion, "Each `data:` is a ChatCompletionChunk, or an ErrorAnswer; the last is [DONE]."
)


def routes(prefix: str) -> list[Route]:
    """The chat's routes, to stand before FastAPI's: half the price of a request is saved."""
    return [Route(prefix + path, answer, methods=["POST"]) for path in PATHS]


@router.post(
    "/chat/completions",
    summary="Answer a conversation",
    responses={**ANSWER, **refusals(*ASKING)},
)
async def create_chat_completion(body: ChatRequest, request: Request) -> Response:
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
    async with ended_by(gone(request.receive)):
        answer = Answer(chats, await chats.job(await _asked(body)), body)
        return await (answer.streamed() if body.stream else answer.whole())
    return Response(status_code=499)  # nobody reads it


async def _asked(body: ChatRequest) -> Asked:
    """Raise `BadJob` for what only two fields together, or a look into one, can tell."""
    if body.stream_options and not body.stream:
        raise sampling.bad("stream_options", "it belongs to a stream: set stream to true")
    sampling.check_calls(body.messages)
    wanted = await sampling.read(body)
    return Asked(body.model, body.messages, wanted, bool(body.stream), _place, body.n or 1)


def _place(message: int, part: int | None) -> str:
    return f"messages[{message}]" if part is None else f"messages[{message}].content[{part}]"

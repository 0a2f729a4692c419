"""From the chunks of a server's answer to our events. Pure."""

import secrets
from typing import Any

import msgspec

from bus.errors import EngineError
from bus.messages import CallDelta, Delta, Finished, Likely, Reason, TokenScore
from inference.engine import EngineLost
from inference.upstream.endpoint import Endpoint
from inference.upstream.failures import failure

LEAST = -9999.0  # a logprob that is not told
REASONS: dict[str, Reason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: Any = None


class Call(msgspec.Struct, frozen=True):
    index: int | None = None
    id: str | None = None
    function: Function = Function()


class Said(msgspec.Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: Any = None  # what a model thinks is not shown
    reasoning: Any = None
    tool_calls: list[Call] | None = None


class Token(msgspec.Struct, frozen=True):
    token: str
    logprob: float | None = None
    bytes: list[int] | None = None

    def likely(self) -> Likely:
        data = self.token.encode() if self.bytes is None else bytes_of(self.bytes)
        return Likely(self.token, LEAST if self.logprob is None else self.logprob, data)


class Place(Token, frozen=True):
    top_logprobs: list[Token] | None = None

    def score(self) -> TokenScore:
        return TokenScore(self.likely(), tuple(t.likely() for t in self.top_logprobs or ()))


class Logprobs(msgspec.Struct, frozen=True):
    content: list[Place] | None = None


class Choice(msgspec.Struct, frozen=True):
    index: int = 0
    delta: Said | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class Cached(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None


class Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: Cached | None = None


class Chunk(msgspec.Struct, frozen=True):
    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None


_chunk = msgspec.json.Decoder(Chunk, strict=False)


def bytes_of(numbers: list[int]) -> bytes:
    return bytes(number & 255 for number in numbers)


class Reading:
    """An answer as far as it has come."""

    def __init__(self, endpoint: Endpoint, scored: bool) -> None:
        self.begun = False  # it has said something, if only to itself
        self.reason: Reason | None = None
        self._endpoint, self._scored = endpoint, scored
        self._usage: Usage | None = None
        self._pieces = 0
        self._calls = set[int]()

    def read(self, event: bytes) -> Delta | None:
        """What the chunk in *event* shows; raise the error that it tells."""
        try:
            chunk = _chunk.decode(event)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EngineError(f"{self._endpoint.place} sent no chunk: {error}") from error
        if chunk.error:
            raise failure(self._endpoint, chunk.error)
        self._usage = chunk.usage or self._usage
        ours = (choice for choice in chunk.choices or () if choice.index == 0)
        deltas = [delta for choice in ours if (delta := self._choice(choice))]
        return deltas[0] if deltas else None

    def finished(self) -> Finished:
        """The last event. Without a word about usage, pieces are counted as tokens."""
        usage = self._usage or Usage(completion_tokens=self._pieces)
        cached = usage.prompt_tokens_details or Cached()
        return Finished(
            self.reason or "stop",
            usage.prompt_tokens or 0,
            usage.completion_tokens or 0,
            cached_tokens=cached.cached_tokens or 0,
        )

    def _choice(self, choice: Choice) -> Delta | None:
        if choice.finish_reason:
            self.reason, self.begun = self._why(choice.finish_reason), True
        said = choice.delta or Said()
        text = (said.content or "") + (said.refusal or "")
        calls = tuple(self._call(n, call) for n, call in enumerate(said.tool_calls or ()))
        scores = self._scores(choice.logprobs)
        shows = bool(text or calls or scores)
        if shows or said.reasoning or said.reasoning_content:
            self._pieces += 1
            self.begun = True
        return Delta(text, scores=scores, calls=calls) if shows else None

    def _why(self, reason: str) -> Reason:
        if reason == "abort":  # vLLM and SGLang, when they stop
            raise EngineLost(f"{self._endpoint.place} gave up in the middle of its answer")
        if reason == "error":
            raise EngineError(f"{self._endpoint.place} failed in the middle of its answer")
        return REASONS.get(reason, "stop")

    def _scores(self, logprobs: Logprobs | None) -> tuple[TokenScore, ...]:
        if not self._scored or not logprobs:
            return ()
        return tuple(place.score() for place in logprobs.content or ())

    def _call(self, number: int, call: Call) -> CallDelta:
        """Some servers leave out an index or an id, others repeat the name in every piece."""
        index = number if call.index is None else call.index
        arguments = call.function.arguments
        if arguments is None or isinstance(arguments, str):
            text = arguments or ""
        else:
            text = msgspec.json.encode(arguments).decode()
        if index in self._calls:
            return CallDelta(index, arguments=text)
        self._calls.add(index)
        identity = call.id or f"call_{secrets.token_hex(8)}"
        return CallDelta(index, identity, call.function.name or "", text)

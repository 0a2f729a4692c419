"""The answer to a chat, whole and in pieces."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from api.shapes.evidence import Evidence, TokenLikelihood
from bus.messages import Reason


class ChatCallFunction(Struct, frozen=True, kw_only=True):
    name: str
    arguments: Annotated[str, Meta(description="JSON, as the model wrote it")]


class ChatCall(Struct, frozen=True, kw_only=True):
    id: str
    type: Literal["function"]
    function: ChatCallFunction


class ChatMessage(Struct, frozen=True, kw_only=True):
    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    tool_calls: list[ChatCall] | UnsetType = UNSET


class ChatLikelihoods(Struct, frozen=True, kw_only=True):
    content: list[TokenLikelihood] | None
    refusal: list[TokenLikelihood] | None


class ChatChoice(Struct, frozen=True, kw_only=True):
    index: int
    message: ChatMessage
    logprobs: ChatLikelihoods | None
    finish_reason: Reason


class PromptDetails(Struct, frozen=True, kw_only=True):
    cached_tokens: int
    audio_tokens: int


class CompletionDetails(Struct, frozen=True, kw_only=True):
    reasoning_tokens: int
    audio_tokens: int
    accepted_prediction_tokens: int
    rejected_prediction_tokens: int


class ChatUsage(Struct, frozen=True, kw_only=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class ChatCompletion(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: ChatUsage
    lookout: Evidence


class CallPieceFunction(Struct, frozen=True, kw_only=True):
    arguments: str
    name: str | UnsetType = UNSET


class CallPiece(Struct, frozen=True, kw_only=True):
    """The first piece of a call says which it is."""

    index: int
    function: CallPieceFunction
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET


class ChatDelta(Struct, frozen=True, kw_only=True):
    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    refusal: str | UnsetType | None = UNSET
    tool_calls: list[CallPiece] | UnsetType = UNSET


class ChunkChoice(Struct, frozen=True, kw_only=True):
    index: int
    delta: ChatDelta
    logprobs: ChatLikelihoods | None
    finish_reason: Reason | None


class ChatCompletionChunk(Struct, frozen=True, kw_only=True):
    """What an event of a stream has as its `data:`; the last event has `[DONE]`."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: ChatUsage | UnsetType | None = UNSET
    lookout: Evidence | UnsetType = UNSET

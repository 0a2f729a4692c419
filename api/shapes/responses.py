"""OpenAI's response object, and the pages of what one was told."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from api.shapes.evidence import AnswerTimings, FrameSeen, TokenLikelihood

Status = Literal["in_progress", "completed", "incomplete", "failed"]


class ResponseText(Struct, frozen=True, kw_only=True, tag_field="type", tag="output_text"):
    text: str
    annotations: list[dict[str, Any]]
    logprobs: list[TokenLikelihood]


class ResponseMessage(Struct, frozen=True, kw_only=True, tag_field="type", tag="message"):
    id: str
    role: Literal["assistant"]
    status: Status
    content: list[ResponseText]


class ResponseCall(Struct, frozen=True, kw_only=True, tag_field="type", tag="function_call"):
    id: str
    status: Status
    call_id: str
    name: str
    arguments: Annotated[str, Meta(description="JSON, as the model wrote it")]


class ResponseError(Struct, frozen=True, kw_only=True):
    code: str
    message: str


class WhyIncomplete(Struct, frozen=True, kw_only=True):
    reason: Literal["max_output_tokens", "content_filter"]


class InputDetails(Struct, frozen=True, kw_only=True):
    cached_tokens: int
    cache_write_tokens: int


class OutputDetails(Struct, frozen=True, kw_only=True):
    reasoning_tokens: int


class ResponseUsage(Struct, frozen=True, kw_only=True):
    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class ResponseEvidence(Struct, frozen=True, kw_only=True):
    """As of a chat completion; of an answer that failed, why."""

    frames: list[FrameSeen] | UnsetType = UNSET
    timings_ms: AnswerTimings | UnsetType = UNSET
    error: str | UnsetType = UNSET


class ResponseObject(Struct, frozen=True, kw_only=True):
    """What was said, and what was asked for."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Status
    background: bool
    error: ResponseError | None
    incomplete_details: WhyIncomplete | None
    model: str
    output: list[ResponseMessage | ResponseCall]
    usage: ResponseUsage | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: dict[str, str]
    parallel_tool_calls: bool
    previous_response_id: str | None
    prompt_cache_key: str | None
    safety_identifier: str | None
    reasoning: dict[str, Any]
    service_tier: str
    store: Annotated[bool, Meta(description="whether it can be read again")]
    temperature: float | None
    text: dict[str, Any]
    tool_choice: Annotated[Any, Meta(description="a word, or which tools")]
    tools: list[dict[str, Any]]
    top_logprobs: int
    top_p: float | None
    truncation: str
    user: str | None
    lookout: ResponseEvidence | UnsetType = UNSET


class InputItems(Struct, frozen=True, kw_only=True):
    """A page of items, in the shapes in which they are asked."""

    object: Literal["list"]
    data: list[dict[str, Any]]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedResponse(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["response"]
    deleted: bool

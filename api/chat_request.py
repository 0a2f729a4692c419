"""
What a chat completion request may contain, as OpenAI spells it.

Pure. What is refused and what is ignored follows `api.schemas`.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from api.schemas import (
    MAX_ITEMS,
    MAX_TEXT,
    MAX_TOOLS,
    MAX_TOP_LOGPROBS,
    NAME,
    Absent,
    Ignored,
    Message,
    StreamOptions,
    Strict,
    refuse_unless,
    unsupported,
)

MAX_CHOICES = 8
MAX_BIASES = 1024


class JsonSchema(Strict):
    name: str = Field(pattern=NAME)
    schema_: dict[str, Any] = Field(alias="schema")  # looked at in `json_output`
    strict: bool | None = None
    description: str | None = Field(None, max_length=MAX_TEXT)


class ResponseFormat(Strict):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = Field(None, validate_default=True)

    @field_validator("json_schema")
    @classmethod
    def _belongs(cls, schema: JsonSchema | None, info: ValidationInfo) -> JsonSchema | None:
        kind = info.data.get("type")
        if kind == "json_schema" and schema is None:
            raise PydanticCustomError("missing", "this field is required")
        if kind in ("text", "json_object") and schema is not None:
            raise ValueError("it belongs to the type json_schema")
        return schema


class Function(Strict):
    name: str = Field(pattern=NAME)
    description: str | None = Field(None, max_length=MAX_TEXT)
    parameters: dict[str, Any] | None = None  # looked at in `json_output`
    strict: bool | None = None


class Tool(Strict):
    type: Literal["function"]
    function: Function


class NamedFunction(Strict):
    name: str = Field(pattern=NAME)


class NamedTool(Strict):
    type: Literal["function"]
    function: NamedFunction


class AllowedTools(Strict):
    mode: Literal["auto", "required"]
    tools: Annotated[list[NamedTool], Field(min_length=1, max_length=MAX_TOOLS, fail_fast=True)]


class ToolsAllowed(Strict):
    """Only some of the tools, without another beginning of the prompt."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


def _choice_tag(value: Any) -> str:
    if isinstance(value, str):
        return "$word"
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return "$some" if kind == "allowed_tools" else "$tool"


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("$word")]
    | Annotated[NamedTool, Tag("$tool")]
    | Annotated[ToolsAllowed, Tag("$some")],
    Discriminator(_choice_tag),
]


def _biases(value: object) -> object:
    """Checked as one: a mistake in a large object must be found at the price of one."""
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) > MAX_BIASES:
        raise ValueError(f"use an object with at most {MAX_BIASES} token ids")
    for token, bias in value.items():
        if not re.fullmatch("[0-9]{1,9}", str(token)):
            raise ValueError("the keys must be token ids: whole numbers")
        if isinstance(bias, bool) or not isinstance(bias, int | float) or not abs(bias) <= 100:
            raise ValueError("the values must be numbers from -100 to 100")
    return value


class ChatRequest(Strict):
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_ITEMS, fail_fast=True)]
    model: str | None = Field(None, max_length=256)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, ge=1, le=MAX_CHOICES)
    max_tokens: int | None = Field(None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(None, ge=1, le=1_000_000)
    min_tokens: int | None = Field(None, ge=0, le=1_000_000)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**64)
    stop: Annotated[
        list[Annotated[str, Field(min_length=1)]] | None,
        Field(max_length=4),
        BeforeValidator(lambda stop: [stop] if isinstance(stop, str) else stop),
    ] = None
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    logit_bias: Annotated[dict[str, float] | None, BeforeValidator(_biases)] = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=MAX_TOP_LOGPROBS)
    response_format: ResponseFormat | None = None
    tools: Annotated[list[Tool], Field(max_length=MAX_TOOLS, fail_fast=True)] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None

    # Refused unless they ask for nothing.
    functions: Annotated[Any, unsupported("this is deprecated: use tools")] = None
    function_call: Annotated[Any, unsupported("this is deprecated: use tool_choice")] = None
    audio: Absent = None
    prediction: Absent = None
    web_search_options: Absent = None
    moderation: Absent = None
    modalities: Annotated[
        Any, refuse_unless(lambda m: m in (None, ["text"]), "only text is supported here")
    ] = None

    # None of them can change what is seen and said.
    user: Ignored = None
    store: Ignored = None
    metadata: Ignored = None
    service_tier: Ignored = None
    prompt_cache_key: Ignored = None
    prompt_cache_options: Ignored = None
    prompt_cache_retention: Ignored = None
    reasoning_effort: Ignored = None
    safety_identifier: Ignored = None
    verbosity: Ignored = None

"""
What a request to `/v1/responses` may contain, as OpenAI spells it.

Pure. What is refused and what is ignored follows `api.schemas`.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from api.responses.items import Item
from api.schemas import (
    MAX_ITEMS,
    MAX_TEXT,
    MAX_TOOLS,
    MAX_TOP_LOGPROBS,
    NAME,
    Absent,
    Ignored,
    Strict,
    unsupported,
)

LOGPROBS = "message.output_text.logprobs"
NOTHING_TO_INCLUDE = (  # of what never stands in an answer of ours
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
)
INCLUDABLE = (LOGPROBS, *NOTHING_TO_INCLUDE)
MAX_PAIRS, MAX_NAME, MAX_VALUE = 16, 64, 512  # of metadata


def _only_functions(kind: object) -> object:
    if kind != "function":
        name = f"{kind[:40]} " if isinstance(kind, str) else ""
        raise ValueError(f"a tool {name}is not offered here: only functions are")
    return kind


def _pairs(value: object) -> object:
    """Checked as one: a mistake in a large object must be found at the price of one."""
    if value is not None and not (
        isinstance(value, dict)
        and len(value) <= MAX_PAIRS
        and all(isinstance(text, str) and len(text) <= MAX_VALUE for text in value.values())
        and all(len(name) <= MAX_NAME for name in value)
    ):
        raise ValueError(
            f"use at most {MAX_PAIRS} names of up to {MAX_NAME} characters, "
            f"for texts of up to {MAX_VALUE}"
        )
    return value


def _includable(name: object) -> object:
    if name not in INCLUDABLE:
        raise ValueError(f"this is not known: use {LOGPROBS}")
    return name


OnlyFunctions = BeforeValidator(_only_functions)


class FunctionTool(Strict):
    type: Annotated[Literal["function"], OnlyFunctions]
    name: str = Field(pattern=NAME)
    description: str | None = Field(None, max_length=MAX_TEXT)
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    allowed_callers: Ignored = None
    async_: Ignored = Field(None, alias="async")
    defer_loading: Ignored = None
    output_schema: Ignored = None


class NamedFunction(Strict):
    type: Annotated[Literal["function"], OnlyFunctions]
    name: str = Field(pattern=NAME)


class AllowedTools(Strict):
    """Of all tools the model may call these only."""

    type: Literal["allowed_tools"]
    mode: Literal["auto", "required"]
    tools: Annotated[list[NamedFunction], Field(min_length=1, max_length=MAX_TOOLS, fail_fast=True)]


def _choice_tag(value: Any) -> str:
    if isinstance(value, str):
        return "$word"
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return "$allowed_tools" if kind == "allowed_tools" else "$function"


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("$word")]
    | Annotated[NamedFunction, Tag("$function")]
    | Annotated[AllowedTools, Tag("$allowed_tools")],
    Discriminator(_choice_tag),
]


class PlainFormat(Strict):
    type: Literal["text", "json_object"]


class SchemaFormat(Strict):
    type: Literal["json_schema"]
    name: str = Field(pattern=NAME)
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None
    description: str | None = Field(None, max_length=MAX_TEXT)


def _format_tag(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return "$json_schema" if kind == "json_schema" else "$plain"


class TextSettings(Strict):
    format: (
        Annotated[
            Annotated[PlainFormat, Tag("$plain")] | Annotated[SchemaFormat, Tag("$json_schema")],
            Discriminator(_format_tag),
        ]
        | None
    ) = None
    verbosity: Ignored = None


def _input_tag(value: object) -> str:
    return "$items" if isinstance(value, list) else "$string"


Input = Annotated[
    Annotated[Annotated[str, Field(max_length=MAX_TEXT)], Tag("$string")]
    | Annotated[
        Annotated[list[Item], Field(min_length=1, max_length=MAX_ITEMS, fail_fast=True)],
        Tag("$items"),
    ],
    Discriminator(_input_tag),
]


class StreamOptions(Strict):
    """A stream always ends with the usage."""

    include_obfuscation: Ignored = None
    include_usage: Ignored = None


Echoed = Annotated[str | None, Field(max_length=MAX_VALUE)]  # told again in the answer, and no more


class ResponseRequest(Strict):
    input: Input
    model: str | None = Field(None, max_length=256)
    instructions: str | None = Field(None, max_length=MAX_TEXT)
    max_output_tokens: int | None = Field(None, ge=1, le=1_000_000)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_logprobs: int | None = Field(None, ge=0, le=MAX_TOP_LOGPROBS)
    include: (
        Annotated[
            list[Annotated[str, BeforeValidator(_includable)]],
            Field(max_length=MAX_ITEMS, fail_fast=True),
        ]
        | None
    ) = None
    text: TextSettings | None = None
    tools: Annotated[list[FunctionTool], Field(max_length=MAX_TOOLS, fail_fast=True)] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    store: bool | None = None
    previous_response_id: str | None = Field(None, max_length=256)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: Annotated[dict[str, str] | None, BeforeValidator(_pairs)] = None
    max_tool_calls: int | None = Field(None, ge=1, le=1_000_000)
    user: Echoed = None
    safety_identifier: Echoed = None
    prompt_cache_key: Echoed = None

    # Refused unless they ask for nothing.
    background: Annotated[Any, unsupported("nothing runs in the background here: use stream")] = (
        None
    )
    conversation: Annotated[
        Any, unsupported("conversations are not kept here: use previous_response_id")
    ] = None
    prompt: Annotated[
        Any, unsupported("prompts are not kept here: send instructions and input")
    ] = None
    moderation: Absent = None
    context_management: Absent = None

    # None of them can change what is seen and said.
    access_programs: Ignored = None
    background_options: Ignored = None
    image: Ignored = None
    prompt_cache_options: Ignored = None
    prompt_cache_retention: Ignored = None
    reasoning: Ignored = None
    service_tier: Ignored = None

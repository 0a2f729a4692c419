"""
The items that a conversation is made of, as OpenAI's Responses API spells them.

Pure. What is refused and what is ignored follows `api.schemas`.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag

from api.schemas import (
    MAX_ITEMS,
    MAX_TEXT,
    NAME,
    Absent,
    Ignored,
    StreamPart,
    Strict,
    refuse_unless,
    unsupported,
)

PART_TYPES = ("input_text", "input_image", "output_text", "refusal", "stream")
ITEM_TYPES = ("message", "function_call", "function_call_output", "item_reference", "reasoning")
NO_FILES = "files are not kept here: send the picture as image_url"


def one_of(kinds: tuple[str, ...]) -> BeforeValidator:
    return refuse_unless(lambda kind: kind in kinds, f"use one of {', '.join(kinds)}")


class InputText(Strict):
    type: Annotated[Literal["input_text"], one_of(PART_TYPES)]
    text: str = Field(max_length=MAX_TEXT)
    prompt_cache_breakpoint: Ignored = None


class InputImage(Strict):
    type: Literal["input_image"]
    file_id: Annotated[Any, unsupported(NO_FILES)] = None
    image_url: str = Field(min_length=1)
    detail: Literal["auto", "low", "high", "original"] | None = None
    prompt_cache_breakpoint: Ignored = None


class OutputText(Strict):
    type: Literal["output_text"]
    text: str = Field(max_length=MAX_TEXT)
    annotations: Ignored = None
    logprobs: Ignored = None
    parsed: Ignored = None


class Refusal(Strict):
    type: Literal["refusal"]
    refusal: str = Field(max_length=MAX_TEXT)


def _kind(value: Any, otherwise: str) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return kind if isinstance(kind, str) else otherwise


def _part_tag(value: object) -> str:
    kind = _kind(value, "input_text")
    return f"${kind}" if kind in PART_TYPES else "$input_text"


Part = Annotated[
    Annotated[InputText, Tag("$input_text")]
    | Annotated[InputImage, Tag("$input_image")]
    | Annotated[OutputText, Tag("$output_text")]
    | Annotated[Refusal, Tag("$refusal")]
    | Annotated[StreamPart, Tag("$stream")],
    Discriminator(_part_tag),
]
Parts = Annotated[list[Part], Field(max_length=MAX_ITEMS, fail_fast=True)]


def _text_or_parts(value: object) -> str:
    return "$parts" if isinstance(value, list) else "$string"


Content = Annotated[
    Annotated[Annotated[str, Field(max_length=MAX_TEXT)], Tag("$string")]
    | Annotated[Parts, Tag("$parts")],
    Discriminator(_text_or_parts),
]
Id = Annotated[str | None, Field(max_length=256)]


class MessageItem(Strict):
    type: Annotated[Literal["message"], one_of(ITEM_TYPES)] = "message"
    id: Id = None
    role: Literal["system", "developer", "user", "assistant"]
    content: Content
    status: Ignored = None
    phase: Ignored = None


class CallItem(Strict):
    """A function that the assistant has asked for."""

    type: Literal["function_call"]
    id: Id = None
    call_id: str = Field(min_length=1, max_length=256)
    name: str = Field(pattern=NAME)
    arguments: str = Field(max_length=MAX_TEXT)
    namespace: Absent = None
    status: Ignored = None
    caller: Ignored = None
    async_: Ignored = Field(None, alias="async")
    parsed_arguments: Ignored = None


class CallOutputItem(Strict):
    type: Literal["function_call_output"]
    id: Id = None
    call_id: str = Field(min_length=1, max_length=256)
    output: Content
    namespace: Absent = None
    status: Ignored = None
    caller: Ignored = None
    name: Ignored = None


class ReferenceItem(Strict):
    """Stands for an item of a response that is kept."""

    type: Literal["item_reference"] | None = None
    id: str = Field(min_length=1, max_length=256)


class ReasoningItem(Strict):
    """What another model thought; it is not read."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["reasoning"]


def _item_tag(value: object) -> str:
    if isinstance(value, dict) and set(value) == {"id"}:
        return "$item_reference"
    kind = _kind(value, "item_reference" if isinstance(value, ReferenceItem) else "message")
    return f"${kind}" if kind in ITEM_TYPES else "$message"


Item = Annotated[
    Annotated[MessageItem, Tag("$message")]
    | Annotated[CallItem, Tag("$function_call")]
    | Annotated[CallOutputItem, Tag("$function_call_output")]
    | Annotated[ReferenceItem, Tag("$item_reference")]
    | Annotated[ReasoningItem, Tag("$reasoning")],
    Discriminator(_item_tag),
]
SaidItem = MessageItem | CallItem | CallOutputItem  # what a model is told

"""
What a conversation may consist of, as OpenAI's chat API spells it.

Pure. A field that would change the answer and that nobody here honours is refused by
name; one that cannot change it is accepted and ignored; an unknown one is an error.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

MAX_TEXT = 1_000_000  # characters of one text; the model's context ends long before
# Every mistake costs time and memory to report, so the first one must be enough: lists
# end with their first bad item, and no object may bring a million unknown fields.
MAX_ITEMS, MAX_FIELDS = 256, 64
MAX_TOP_LOGPROBS = 20
MAX_TOOLS, MAX_CALLS = 128, 128  # of a request, of a message
NAME = r"^[A-Za-z0-9_-]{1,64}$"  # of a function, of a format


class Strict(BaseModel):
    """As OpenAI has it: "30" and 30.0 are no whole numbers, 1 is no true; 1 is a number."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, value: object) -> object:
        if isinstance(value, dict) and len(value) > MAX_FIELDS:
            raise ValueError(f"at most {MAX_FIELDS} fields are accepted")
        return value


def refuse_unless(allowed: Callable[[Any], bool], why: str) -> BeforeValidator:
    def check(value: object) -> object:
        if not allowed(value):
            raise ValueError(why)
        return value

    return BeforeValidator(check)


def _absent(value: object) -> bool:
    return value in (None, [], {}, False, "none")


def unsupported(why: str = "this is not supported here") -> BeforeValidator:
    return refuse_unless(_absent, why)


Absent = Annotated[Any, unsupported()]
Ignored = Annotated[Any, "accepted, and without any effect"]

PART_TYPES = ("text", "image_url", "stream", "refusal")
MAX_FRAMES, MAX_SPAN_S = 8, 10.0  # of one camera in one part


class TextPart(Strict):
    type: Annotated[
        Literal["text"],
        refuse_unless(lambda kind: kind in PART_TYPES, f"use one of {', '.join(PART_TYPES)}"),
    ]
    text: str = Field(max_length=MAX_TEXT)
    prompt_cache_breakpoint: Ignored = None


class RefusalPart(Strict):
    """What an assistant has said instead of an answer, when a client sends it back."""

    type: Literal["refusal"]
    refusal: str = Field(max_length=MAX_TEXT)


class ImageUrl(Strict):
    url: str = Field(min_length=1)
    detail: Literal["auto", "low", "high", "original"] = "auto"


def _as_object(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class ImagePart(Strict):
    type: Literal["image_url"]
    image_url: Annotated[ImageUrl, BeforeValidator(_as_object)]  # or just the URL
    prompt_cache_breakpoint: Ignored = None


class Stream(Strict):
    stream_id: str = Field(min_length=1, max_length=1000)
    frames: int | None = Field(None, ge=1, le=MAX_FRAMES)
    span_s: float | None = Field(None, ge=0, le=MAX_SPAN_S)


class StreamPart(Strict):
    """Several frames of a registered camera, as the ancestor's clients ask for them."""

    type: Literal["stream"]
    stream: Stream


def _part_tag(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"${kind}" if kind in PART_TYPES else "$text"


Part = Annotated[
    Annotated[TextPart, Tag("$text")]
    | Annotated[ImagePart, Tag("$image_url")]
    | Annotated[StreamPart, Tag("$stream")]
    | Annotated[RefusalPart, Tag("$refusal")],
    Discriminator(_part_tag),
]


def _content_tag(value: object) -> str:
    return "$parts" if isinstance(value, list) else "$string"


Content = Annotated[
    Annotated[Annotated[str, Field(max_length=MAX_TEXT)], Tag("$string")]
    | Annotated[list[Part], Field(max_length=MAX_ITEMS, fail_fast=True), Tag("$parts")],
    Discriminator(_content_tag),
]


class CalledFunction(Strict):
    name: str = Field(pattern=NAME)
    arguments: str = Field(max_length=MAX_TEXT)
    parsed_arguments: Ignored = None  # OpenAI's client adds it


class Call(Strict):
    """A function that the assistant has asked for."""

    id: str = Field(min_length=1, max_length=256)
    type: Literal["function"] = "function"
    function: CalledFunction
    index: Ignored = None  # of a stream's delta, where a client has left it in


class Message(Strict):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    tool_calls: Annotated[list[Call], Field(max_length=MAX_CALLS, fail_fast=True)] | None = None
    tool_call_id: str | None = Field(None, validate_default=True, max_length=256)
    refusal: str | None = Field(None, max_length=MAX_TEXT)
    content: Content | None = Field(None, validate_default=True)  # after what may stand for it

    # What an answer of OpenAI's may have when a client sends it back as it was.
    function_call: Annotated[Any, unsupported("this is deprecated: use tool_calls")] = None
    audio: Absent = None
    name: Ignored = None
    annotations: Ignored = None
    parsed: Ignored = None

    @field_validator("tool_calls")
    @classmethod
    def _from_an_assistant(cls, calls: list[Call] | None, info: ValidationInfo) -> object:
        if calls and info.data.get("role", "assistant") != "assistant":
            raise ValueError("only the assistant calls tools")
        return calls

    @field_validator("tool_call_id")
    @classmethod
    def _of_a_tool(cls, call_id: str | None, info: ValidationInfo) -> str | None:
        role = info.data.get("role")
        if role == "tool" and not call_id:
            raise PydanticCustomError("missing", "this field is required")
        if call_id and role not in ("tool", None):
            raise ValueError("only the message of a tool answers a call")
        return call_id

    @field_validator("content")
    @classmethod
    def _or_what_stands_for_it(cls, content: object, info: ValidationInfo) -> object:
        said = info.data
        if content is None and not (
            said.get("role") == "assistant" and (said.get("tool_calls") or said.get("refusal"))
        ):
            raise PydanticCustomError("missing", "this field is required")
        return content


class StreamOptions(Strict):
    include_usage: bool = False
    include_obfuscation: Ignored = None

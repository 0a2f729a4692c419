"""
What a chat completion request may contain, as OpenAI spells it.

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
    model_validator,
)

MAX_TEXT = 1_000_000  # characters of one text; the model's context ends long before
# Every mistake costs time and memory to report, so the first one must be enough: lists
# end with their first bad item, and no object may bring a million unknown fields.
MAX_ITEMS, MAX_FIELDS = 256, 64


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, value: object) -> object:
        if isinstance(value, dict) and len(value) > MAX_FIELDS:
            raise ValueError(f"at most {MAX_FIELDS} fields are accepted")
        return value


def _refuse_unless(allowed: Callable[[Any], bool], why: str) -> BeforeValidator:
    def check(value: object) -> object:
        if not allowed(value):
            raise ValueError(why)
        return value

    return BeforeValidator(check)


PART_TYPES = ("text", "image_url", "stream")
MAX_FRAMES, MAX_SPAN_S = 8, 10.0  # of one camera in one part


class TextPart(Strict):
    type: Annotated[
        Literal["text"],
        _refuse_unless(lambda kind: kind in PART_TYPES, f"use one of {', '.join(PART_TYPES)}"),
    ]
    text: str = Field(max_length=MAX_TEXT)


class ImageUrl(Strict):
    url: str = Field(min_length=1)
    detail: Literal["auto", "low", "high"] = "auto"


def _as_object(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class ImagePart(Strict):
    type: Literal["image_url"]
    image_url: Annotated[ImageUrl, BeforeValidator(_as_object)]  # or just the URL


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
    | Annotated[StreamPart, Tag("$stream")],
    Discriminator(_part_tag),
]


def _content_tag(value: object) -> str:
    return "$parts" if isinstance(value, list) else "$string"


Content = Annotated[
    Annotated[Annotated[str, Field(max_length=MAX_TEXT)], Tag("$string")]
    | Annotated[list[Part], Field(max_length=MAX_ITEMS, fail_fast=True), Tag("$parts")],
    Discriminator(_content_tag),
]


def _absent(value: object) -> bool:
    return value in (None, [], {}, False, "none")


Absent = Annotated[Any, _refuse_unless(_absent, "this is not supported here")]


class Message(Strict):
    role: Literal["system", "developer", "user", "assistant"]
    content: Content
    name: str | None = None  # ignored

    # What an answer of ours, or of OpenAI's, has when a client sends it back as it was.
    refusal: Absent = None
    annotations: Absent = None
    audio: Absent = None
    function_call: Absent = None
    tool_calls: Absent = None


class StreamOptions(Strict):
    include_usage: bool = False
    include_obfuscation: bool = False  # ignored


OnlyText = Annotated[
    Any,
    _refuse_unless(
        lambda value: value is None or value == {"type": "text"}, "only text is supported here"
    ),
]


class ChatRequest(Strict):
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_ITEMS, fail_fast=True)]
    model: str | None = Field(None, max_length=256)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
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

    # Refused unless they ask for nothing.
    n: Annotated[Any, _refuse_unless(lambda n: n in (None, 1), "only 1 is supported")] = None
    logprobs: Absent = None
    top_logprobs: Annotated[
        Any, _refuse_unless(lambda n: n in (None, 0), "this is not supported here")
    ] = None
    logit_bias: Absent = None
    tools: Absent = None
    tool_choice: Absent = None
    functions: Absent = None
    function_call: Absent = None
    audio: Absent = None
    prediction: Absent = None
    web_search_options: Absent = None
    modalities: Annotated[
        Any, _refuse_unless(lambda m: m in (None, ["text"]), "only text is supported here")
    ] = None
    response_format: OnlyText = None

    # Accepted and ignored: none of them can change what is seen and said.
    user: Any = None
    store: Any = None
    metadata: Any = None
    service_tier: Any = None
    parallel_tool_calls: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    reasoning_effort: Any = None
    safety_identifier: Any = None
    verbosity: Any = None

"""
What a chat completion request may contain, as OpenAI spells it.

Pure. A field that would change the answer and that nobody here honours is refused by
name; one that cannot change it is accepted and ignored; an unknown one is an error.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from bus.errors import Unsupported

MAX_TEXT = 1_000_000  # characters of one text; the model's context ends long before


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TextPart(Strict):
    type: Literal["text"]
    text: str = Field(max_length=MAX_TEXT)


class ImageUrl(Strict):
    url: str = Field(min_length=1)
    detail: Literal["auto", "low", "high"] = "auto"


def _as_object(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class ImagePart(Strict):
    type: Literal["image_url"]
    image_url: Annotated[ImageUrl, BeforeValidator(_as_object)]  # or just the URL


PART_TYPES = ("text", "image_url")


def _part_tag(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"${kind}" if kind in PART_TYPES else "$text"


Part = Annotated[
    Annotated[TextPart, Tag("$text")] | Annotated[ImagePart, Tag("$image_url")],
    Discriminator(_part_tag),
]


def _content_tag(value: object) -> str:
    return "$parts" if isinstance(value, list) else "$string"


Content = Annotated[
    Annotated[Annotated[str, Field(max_length=MAX_TEXT)], Tag("$string")]
    | Annotated[list[Part], Tag("$parts")],
    Discriminator(_content_tag),
]


class Message(Strict):
    role: Literal["system", "developer", "user", "assistant"]
    content: Content
    name: str | None = None  # ignored


class StreamOptions(Strict):
    include_usage: bool = False
    include_obfuscation: bool = False  # ignored


def _refuse_unless(allowed: Callable[[Any], bool], why: str) -> BeforeValidator:
    def check(value: object) -> object:
        if not allowed(value):
            raise ValueError(why)
        return value

    return BeforeValidator(check)


def _absent(value: object) -> bool:
    return value in (None, [], {}, False, "none")


Absent = Annotated[Any, _refuse_unless(_absent, "this is not supported here")]
OnlyText = Annotated[
    Any,
    _refuse_unless(
        lambda value: value is None or value == {"type": "text"}, "only text is supported here"
    ),
]


class ChatRequest(Strict):
    messages: list[Message] = Field(min_length=1, max_length=256)
    model: str | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(None, ge=1, le=1_000_000)
    min_tokens: int | None = Field(None, ge=0, le=1_000_000)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**64)
    stop: str | list[str] | None = None
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

    def stops(self) -> tuple[str, ...]:
        stops = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        if len(stops) > 4 or any(not stop for stop in stops):
            raise Unsupported("stop: give at most 4 strings, none of them empty", param="stop")
        return stops

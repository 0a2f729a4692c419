"""How a route states what it answers: `responses=` of its decorator."""

from collections import defaultdict
from typing import Any

from msgspec import Struct

from api.errors import STATUS
from api.shapes.common import ErrorAnswer
from bus.errors import (
    BadImage,
    BadJob,
    BadOutput,
    CameraError,
    CameraStale,
    CameraTimeout,
    ContextTooLong,
    DeadlineExceeded,
    EngineError,
    ImageTooLarge,
    LookoutError,
    ModelLoading,
    NotBuilt,
    Overloaded,
    Unavailable,
    UnknownCamera,
    UnknownModel,
    Unsupported,
)

Responses = dict[int | str, dict[str, Any]]

# What a question can meet, whichever of OpenAI's two ways it is asked.
ASKING = (
    *(BadJob, BadImage, ContextTooLong, Unsupported, UnknownModel, UnknownCamera, ImageTooLarge),
    *(Overloaded, NotBuilt, CameraError, EngineError, BadOutput, Unavailable, ModelLoading),
    *(CameraStale, CameraTimeout, DeadlineExceeded),
)

PLACE = "#/components/schemas/"
RETRY_AFTER = {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}


def reference(shape: type[Struct]) -> dict[str, Any]:
    return {"$ref": PLACE + shape.__name__}


def json_of(schema: dict[str, Any], why: str = "Done.", status: int = 200) -> Responses:
    return {status: {"description": why, "content": {"application/json": {"schema": schema}}}}


def answer(shape: type[Struct], why: str = "Done.", status: int = 200) -> Responses:
    return json_of(reference(shape), why, status)


def other(kind: str, why: str, **more: Any) -> Responses:
    """An answer that is no JSON; *more* is of the schema."""
    schema = {"type": "string", **more}
    return {200: {"description": why, "content": {kind: {"schema": schema}}}}


def events(what: str) -> dict[str, Any]:
    """Server-sent events as the content of an answer: OpenAPI 3.1 has words for them only."""
    return {"text/event-stream": {"schema": {"description": what}}}


def streamed(shape: type[Struct], what: str) -> Responses:
    """An answer in one piece, or with `stream` in pieces."""
    stated = answer(shape, "In one piece, or with `stream` as server-sent events.")
    stated[200]["content"] |= events(what)
    return stated


def picture(kind: str, why: str) -> Responses:
    return other(kind, why, contentMediaType=kind)


def reads(name: str, example: object) -> dict[str, Any]:
    """For `openapi_extra=` of a route that parses its body itself; *name* is its schema's."""
    content = {"application/json": {"schema": {"$ref": PLACE + name}, "example": example}}
    return {"requestBody": {"content": content, "required": True}}


def refusals(*kinds: type[LookoutError]) -> Responses:
    """Answers with an error of *kinds*, by status."""
    codes = defaultdict[int, list[type[LookoutError]]](list)
    for kind in kinds:
        codes[STATUS[kind.code]].append(kind)
    return {status: _refusal(found) for status, found in sorted(codes.items())}


def _refusal(kinds: list[type[LookoutError]]) -> dict[str, Any]:
    stated: dict[str, Any] = {
        "description": ", ".join(f"`{kind.code}`" for kind in kinds),
        "content": {"application/json": {"schema": reference(ErrorAnswer)}},
    }
    if all(issubclass(kind, Overloaded | Unavailable) for kind in kinds):
        stated["headers"] = {"Retry-After": RETRY_AFTER}
    return stated

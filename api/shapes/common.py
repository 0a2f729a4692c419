"""What answers have in common. Shapes are for the API's document: nothing is checked by them."""

from typing import Annotated

from msgspec import Meta, Struct


class Error(Struct, frozen=True, kw_only=True):
    message: Annotated[str, Meta(description="what is wrong, for whoever can change it")]
    type: Annotated[str, Meta(examples=["invalid_request_error"])]
    param: Annotated[str | None, Meta(description="the field at fault", examples=["url"])]
    code: Annotated[str | None, Meta(description="what is wrong, for programs")]


class ErrorAnswer(Struct, frozen=True, kw_only=True):
    """Every failure, as OpenAI's clients know it."""

    error: Error


class Deleted(Struct, frozen=True, kw_only=True):
    id: str
    object: Annotated[str, Meta(examples=["camera.deleted"])]
    deleted: bool


class Done(Struct, frozen=True, kw_only=True):
    detail: str

"""A model, as `/v1/models` tells of it: OpenAI's fields, and what is behind it here."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class Serving(Struct, frozen=True, kw_only=True):
    abilities: Annotated[list[str], Meta(examples=[["logprobs", "json_schema"]])]
    workers: Annotated[int, Meta(description="processes that answer for it now")]
    slots: Annotated[int, Meta(description="requests that they run side by side")]


class Model(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["model"]
    created: Annotated[int, Meta(description="unix seconds when its oldest worker started")]
    owned_by: str
    lookout: Serving


class ModelList(Struct, frozen=True, kw_only=True):
    object: Literal["list"]
    data: list[Model]

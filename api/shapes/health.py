"""What `/health` answers."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType


class Live(Struct, frozen=True, kw_only=True):
    status: Literal["live"]


class Worker(Struct, frozen=True, kw_only=True):
    id: str
    model: str
    state: Literal["loading", "ready"]
    slots: int
    busy: int
    note: Annotated[str, Meta(description="what it does while it loads")] | UnsetType = UNSET


class Ready(Struct, frozen=True, kw_only=True):
    status: Literal["ready", "not ready"]
    detail: Annotated[str, Meta(description="the same, in the ancestor's words")]
    redis: Literal["ok", "no answer"]
    workers: list[Worker]

"""An alert, as `/v1/alerts` tells of it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from bus.alerts import Alert


class KeptAlert(Alert, frozen=True, kw_only=True):
    object: Literal["alert"]


class AlertList(Struct, frozen=True, kw_only=True):
    """A page, newest first."""

    object: Literal["list"]
    data: list[KeptAlert]
    first_id: str | None
    last_id: Annotated[str | None, Meta(description="for `after` of the next page")]
    has_more: bool

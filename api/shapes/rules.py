"""A rule, as `/v1/rules` tells of it: what its owner wrote, and how it stands."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.shapes.cameras import At
from bus.rules import Rule, Share


class RuleStanding(Struct, frozen=True, kw_only=True):
    camera: str
    phase: Literal["ok", "pending", "firing"]
    score: Annotated[float | None, Meta(description="P(yes) of the last judgement")]
    by: Literal["logits", "text"]
    at: Annotated[At | None, Meta(description="when the last judged frame was captured")]
    every_s: Annotated[float, Meta(description="between judgements, lately")]
    judged: int
    skipped: Annotated[int, Meta(description="judgements that were not needed")]
    saved: Annotated[Share | None, Meta(description="the share of them")]
    alert: Annotated[str | None, Meta(description="id of the alert that is firing")]
    error: Annotated[str | None, Meta(description="why it is not judged now")]


class ListedRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=False):
    object: Literal["rule"]
    standings: list[RuleStanding]


class KeptRule(ListedRule, frozen=True, kw_only=True):
    warnings: Annotated[list[str], Meta(description="what may be a mistake")]


class RuleList(Struct, frozen=True, kw_only=True):
    object: Literal["list"]
    data: list[ListedRule]

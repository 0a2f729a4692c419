"""
Rules: questions that are asked of cameras again and again, as JSON in Redis.

Pure. Whoever takes a rule from outside has `bus.rule_parsing` refuse what makes no sense.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from bus.schedule import Schedule, is_open

EVERY = "*"  # every camera, every target

# Half of a surrogate pair is no text: it cannot be written as JSON.
RuleId = Annotated[str, Meta(pattern=r"\A([A-Za-z0-9][A-Za-z0-9_-]{0,63})?\Z")]
IdOrEvery = Annotated[str, Meta(pattern=r"\A(\*|[A-Za-z0-9][A-Za-z0-9_-]{0,63})\Z")]
Text = Annotated[str, Meta(max_length=2000, pattern=r"\A[^\ud800-\udfff]*\Z")]
Name = Annotated[str, Meta(max_length=100, pattern=r"\A[^\ud800-\udfff]*\Z")]
Question = Annotated[
    str, Meta(max_length=500, pattern=r"\A\s*[^\s\ud800-\udfff][^\ud800-\udfff]*\Z")
]
Share = Annotated[float, Meta(ge=0, le=1)]
Wait = Annotated[float, Meta(ge=0, le=86400)]
Pace = Annotated[float, Meta(ge=0.1, le=3600)]


class Zone(Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a camera's picture that a rule is about; x and y as shares of its size."""

    polygon: Annotated[tuple[tuple[Share, Share], ...], Meta(min_length=3, max_length=32)]
    mode: Literal["crop", "mask"] = "crop"


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question, on which cameras and when, and what makes an alert of its answers."""

    question: Question
    id: RuleId = ""  # whoever adds the rule makes one when it is empty
    name: Name = ""  # the question, when empty
    cameras: Annotated[tuple[IdOrEvery, ...], Meta(min_length=1, max_length=64)] = (EVERY,)
    enabled: bool = True
    schedule: Schedule | None = None
    snooze_until: Annotated[str, Meta(max_length=40)] | None = None  # UTC, ISO 8601

    every_s: Pace = 1.0
    gate: Literal["motion", "none"] = "motion"
    gate_above: Share = 0.005  # share of the picture that must have changed
    refresh_s: Annotated[float, Meta(ge=0.1, le=86400)] = 30.0  # judged although nothing moved
    max_age_s: Pace = 5.0  # an older frame is not judged

    on: Share = 0.6  # P(yes) from which the condition holds
    off: Share = 0.4  # P(yes) below which it is over
    for_s: Wait = 0.0  # it holds so long before an alert fires
    clear_s: Wait = 0.0  # it is over so long before the alert resolves
    cooldown_s: Wait = 60.0  # at least from one alert to the next

    model: Annotated[str, Meta(max_length=256, pattern=r"\A[^\ud800-\udfff]*\Z")] = ""
    prompt: Text = ""  # with {question} in it; the engine's own when empty
    frames: Annotated[int, Meta(ge=1, le=8)] = 1
    span_s: Annotated[float, Meta(ge=0, le=10)] = 0.0  # from the oldest frame to the newest
    zones: Annotated[dict[IdOrEvery, Zone], Meta(max_length=64)] = {}  # by camera

    describe: bool = False  # say what is to be seen, once it has fired
    describe_prompt: Text = ""
    targets: Annotated[tuple[IdOrEvery, ...], Meta(max_length=32)] = (EVERY,)
    attach_snapshot: bool = True


_rule = msgspec.json.Decoder(Rule)


def encode_rule(rule: Rule) -> bytes:
    return msgspec.json.encode(rule)


def decode_rule(data: bytes) -> Rule:
    """A rule as `encode_rule` wrote it; raise `msgspec.DecodeError` for one of another version."""
    return _rule.decode(data)


def applies(rule: Rule, camera_id: str) -> bool:
    """Whether the rule is about the camera, be it active or not."""
    return EVERY in rule.cameras or camera_id in rule.cameras


def zone_of(rule: Rule, camera_id: str) -> Zone | None:
    """The camera's own zone, or the one for all; None is the whole picture."""
    return rule.zones.get(camera_id) or rule.zones.get(EVERY)


def is_active(rule: Rule, at: float) -> bool:
    """Whether the rule is to be judged at *at*, unix seconds."""
    until = rule.snooze_until
    snoozed = until is not None and at < datetime.fromisoformat(until).timestamp()
    return rule.enabled and not snoozed and is_open(rule.schedule, at)

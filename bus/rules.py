"""
Rules: questions that are asked of cameras again and again, as JSON in Redis and over HTTP.

Pure. Whoever takes a rule from outside parses it here and so refuses what makes no sense.
"""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from bus.errors import BadJob
from bus.schedule import Schedule, Window, is_open, is_zone

EVERY = "*"  # every camera, every target
MAX_PATH = 100  # characters of a field's path that a message repeats
SMALLEST_ZONE = 0.0001  # of the picture: 1 % of its width times 1 % of its height

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

WAIT = "a number of seconds from 0 to 86400"
PACE = "a number of seconds from 0.1 to 3600"
SHARE = "a number from 0 to 1"
ALLOWED = {  # by field, whichever of its constraints was broken
    "question": "a text of 1 to 500 characters that is not blank",
    "id": "1 to 64 letters, digits, '-' or '_', no '-' or '_' first",
    "name": "a text of at most 100 characters",
    "cameras": "a list of 1 to 64 ids of cameras, or [\"*\"] for all",
    "enabled": "true or false",
    "schedule": "a window, a list of 1 to 32 windows, or null",
    "from": "a time from 00:00 to 23:59",
    "to": "a time from 00:00 to 24:00",
    "zone": "the name of a time zone, such as Europe/Berlin",
    "days": "a list of mon, tue, wed, thu, fri, sat, sun",
    "snooze_until": "a time with its zone, such as 2026-11-23T17:20:46Z, or null",
    "every_s": PACE,
    "gate": "motion or none",
    "gate_above": SHARE,
    "refresh_s": "a number of seconds from 0.1 to 86400",
    "max_age_s": PACE,
    "on": SHARE,
    "off": f"{SHARE}, not above `on`",
    "for_s": WAIT,
    "clear_s": WAIT,
    "cooldown_s": WAIT,
    "model": "the id of a model, at most 256 characters",
    "prompt": "a text of at most 2000 characters with {question} in it",
    "frames": "a whole number from 1 to 8",
    "span_s": "a number of seconds from 0 to 10, above 0 when `frames` is above 1",
    "zones": "an object of at most 64 zones, by id of a camera or \"*\"; a zone is an object",
    "polygon": "3 to 32 points [x, y] with x and y from 0 to 1, around some of the picture",
    "mode": "crop or mask",
    "describe": "true or false",
    "describe_prompt": "a text of at most 2000 characters",
    "targets": "a list of at most 32 names of targets, or [\"*\"] for all",
    "attach_snapshot": "true or false",
}  # fmt: skip


def parse_rule(data: bytes | dict[str, Any]) -> Rule:
    """
    The rule in *data*, JSON or its value; null stands for a field's default.

    When only one of `on` and `off` is given, the other keeps the distance of the defaults
    from it: `off` is two thirds of `on`, and seen from 1, `on` is two thirds of `off`.
    Raise `BadJob` that names the field and says what it may be.
    """
    fields = _given(data)
    return _checked(_with_both(_convert(fields), fields.keys()))


def change_rule(rule: Rule, patch: bytes | dict[str, Any]) -> Rule:
    """
    *rule* with the fields of *patch*; null resets one. Raise `BadJob` as `parse_rule` does.

    A threshold that is not named stays while it fits the other, and follows it otherwise.
    """
    named = _object(patch)
    if named.get("id", rule.id) != rule.id:
        raise BadJob("id: a rule keeps its id", param="id")
    fields = _given({**msgspec.to_builtins(rule), **named})
    changed = _with_both(_convert(fields), fields.keys())
    if changed.off > changed.on:
        changed = _with_both(changed, named.keys())
    return _checked(changed)


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


class LegacyLimits(Struct, frozen=True):
    """What the ancestor let its clients set, with its defaults."""

    alerts: int = 10
    characters: int = 100
    cooldown_s: float = 60.0
    prompt: str = ""  # how to ask each of them; empty: the engine's own way


def legacy_rules(
    alerts: Sequence[str], camera: str | None, limits: LegacyLimits
) -> tuple[Rule, ...]:
    """
    The rules `r0`, `r1` … of the ancestor's list; a blank one keeps its place and makes none.

    They are judged whether or not something moves, as the ancestor did. *camera* None is
    every camera. Raise `BadJob` that names the place in the list.
    """
    if len(alerts) > limits.alerts:
        raise BadJob(f"alerts: write at most {limits.alerts} of them", param="alerts")
    return tuple(
        _legacy_rule(index, question, camera, limits)
        for index, question in enumerate(alerts)
        if question.strip()
    )


def _legacy_rule(index: int, question: str, camera: str | None, limits: LegacyLimits) -> Rule:
    place = f"alerts[{index}]"
    if len(question) > limits.characters:
        raise BadJob(f"{place}: write at most {limits.characters} characters", param=place)
    fields = {"id": f"r{index}", "question": question, "cameras": [camera or EVERY]}
    more = {"gate": "none", "cooldown_s": limits.cooldown_s, "prompt": limits.prompt}
    try:
        return parse_rule(fields | more)
    except BadJob as error:
        raise BadJob(f"{place}: write {ALLOWED['question']}", param=place) from error


def _object(data: bytes | dict[str, Any]) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(data) if isinstance(data, bytes) else data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadJob("the body is not valid JSON") from error
    if not isinstance(value, dict):
        raise BadJob("the body must be a JSON object")
    return value


def _given(data: bytes | dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in _object(data).items() if value is not None}


def _convert(fields: dict[str, Any]) -> Rule:
    try:
        return msgspec.convert(fields, Rule)
    except msgspec.ValidationError as error:
        raise _explain(str(error), fields) from error
    except UnicodeEncodeError as error:
        raise BadJob("the body has text that is not valid Unicode") from error


def _explain(error: str, fields: dict[str, Any]) -> BadJob:
    """`Expected `str`, got `int` - at `$.name`` in terms of what is allowed there."""
    placed = re.fullmatch(r"(.*) - at `(?:key` in `)?\$\.?([^`]*)`", error, re.DOTALL)
    reason, path = placed.groups() if placed else (error, "")
    # The key of an object is what msgspec keeps to itself.
    path = path.replace("[...]", f".{_bad_zone(fields.get('zones'))}")
    if name := re.match(r"Object (contains unknown|missing required) field `(.*)`", reason, re.S):
        path = f"{path}.{name[2]}".strip(".")[:MAX_PATH]
        why = "is not known" if name[1] == "contains unknown" else "is required"
        return BadJob(f"{path}: this field {why}", param=path)
    return _refusal(path) if path else BadJob("the names of fields must be strings")


def _bad_zone(zones: object) -> str:
    """The first camera whose zone is none."""
    for camera, zone in zones.items() if isinstance(zones, dict) else ():
        try:
            msgspec.convert(zone, Zone)
        except msgspec.ValidationError:
            return str(camera)
    return EVERY


def _refusal(path: str) -> BadJob:
    """`zones.gate.polygon[1][0]` is explained as `polygon`, and `zones.gate` as `zones`."""
    plain = re.sub(r"\[[0-9]+\]", "", path)
    field = re.sub(r"^zones\.[^.]+$", "zones", plain).rpartition(".")[2]
    return BadJob(f"{path}: write {ALLOWED[field]}", param=path)


def _with_both(rule: Rule, given: AbstractSet[str]) -> Rule:
    """*rule* with the threshold that is not among *given* following the one that is."""
    if "on" in given and "off" not in given:
        return replace(rule, off=min(rule.on, round(rule.on * 2 / 3, 6)))
    if "off" in given and "on" not in given:
        return replace(rule, on=max(rule.off, round(1 - (1 - rule.off) * 2 / 3, 6)))
    return rule


def _checked(rule: Rule) -> Rule:
    """*rule*, its snooze in UTC, if what its types cannot say is right too."""
    if rule.off > rule.on:
        raise _refusal("off")
    if rule.frames > 1 and not rule.span_s:
        raise _refusal("span_s")
    if rule.prompt and "{question}" not in rule.prompt:
        raise _refusal("prompt")
    for camera, zone in rule.zones.items():
        if _area(zone) < SMALLEST_ZONE:
            raise _refusal(f"zones.{camera}.polygon")
    for path, window in _windows(rule.schedule):
        if not is_zone(window.zone):
            raise _refusal(f"{path}.zone")
    return replace(rule, snooze_until=_utc(rule.snooze_until))


def _windows(schedule: Schedule | None) -> list[tuple[str, Window]]:
    """With the path of each in the rule."""
    if isinstance(schedule, Window):
        return [("schedule", schedule)]
    return [(f"schedule[{index}]", window) for index, window in enumerate(schedule or ())]


def _area(zone: Zone) -> float:
    """Of the polygon, as a share of the picture."""
    ends = zone.polygon[1:] + zone.polygon[:1]
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(zone.polygon, ends, strict=True))) / 2


def _utc(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise ValueError("whose clock is that?")
        return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError) as error:
        raise _refusal("snooze_until") from error

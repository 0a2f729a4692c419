"""
A rule from outside, over HTTP or from a settings file: taken, or refused by the field at fault.

Pure.
"""

import re
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from bus.errors import BadJob
from bus.rules import EVERY, Rule, Zone
from bus.schedule import Schedule, Window, is_zone

MAX_PATH = 100  # characters of a field's path that a message repeats
SMALLEST_ZONE = 0.0001  # of the picture: 1 % of its width times 1 % of its height

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


def _object(data: bytes | dict[str, Any]) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(data) if isinstance(data, bytes) else data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadJob("the body is not valid JSON") from error
    if not isinstance(value, dict):
        raise BadJob("the body must be a JSON object")
    return value


def _given(data: bytes | dict[str, Any]) -> dict[str, Any]:
    """Without the nulls; a field that is not known stays, to be refused whatever it holds."""
    fields = _object(data)
    return {
        name: value
        for name, value in fields.items()
        if value is not None or name not in Rule.__struct_encode_fields__
    }


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
        path = f"{path}.{name[2]}".strip(".")[:MAX_PATH] or '""'
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

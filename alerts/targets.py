"""Targets as the settings have them: `phone=ntfy://… hook=https://…`, or a table of the file."""

import re
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from alerts.mqtt.address import parse_address
from alerts.way import EventType, Kind, Snapshot, Target
from alerts.ways.notify import find_service
from bus.errors import BadSettings

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
DEFAULT_EVENTS: tuple[EventType, ...] = ("fired", "resolved", "camera_down", "camera_up")
KINDS: dict[str, Kind] = {"http": "webhook", "https": "webhook", "mqtt": "mqtt", "mqtts": "mqtt"}
DEFAULT_SNAPSHOT: dict[Kind, Snapshot] = {"webhook": "link", "mqtt": "attach", "notify": "attach"}


class TargetEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A target in the settings file: `[targets.hook]`, then `url = "https://…"`."""

    url: str
    secret: str = ""  # signs what a webhook gets
    events: tuple[EventType, ...] = DEFAULT_EVENTS
    snapshot: Literal["attach", "link", "none", ""] = ""  # as suits the kind of target


Targets = tuple[str, ...] | dict[str, str | TargetEntry]


def parse_targets(targets: Targets) -> tuple[Target, ...]:
    """Raise `BadSettings` that names the target, and has no part of its URL."""
    if isinstance(targets, dict):
        return tuple(
            _target(name, entry, f"LOOKOUT_SETTINGS: targets.{name}")
            for name, entry in targets.items()
        )
    return tuple(_of_text(place, text) for place, text in enumerate(targets, 1))


def _of_text(place: int, text: str) -> Target:
    """`name=url`."""
    name, equals, url = text.partition("=")
    if not equals or not NAME.fullmatch(name):  # it may be a URL, so it is not repeated
        raise BadSettings(f"LOOKOUT_TARGETS: number {place}: write name=url")
    return _target(name, url, f"LOOKOUT_TARGETS: {name}")


def _target(name: str, entry: str | TargetEntry, where: str) -> Target:
    said = TargetEntry(entry) if isinstance(entry, str) else entry
    if not NAME.fullmatch(name):
        raise BadSettings(f"{where}: use 1 to 64 letters, digits, '-' or '_', no '-' or '_' first")
    try:
        kind = _kind(said.url)
    except ValueError as error:
        raise BadSettings(f"{where}: its address cannot be read") from error
    except BadSettings as error:
        raise BadSettings(f"{where}: {error}") from error
    snapshot = said.snapshot or DEFAULT_SNAPSHOT[kind]
    return Target(name, kind, said.url, said.secret, frozenset(said.events), snapshot)


def _kind(url: str) -> Kind:
    """Raise `ValueError` or `BadSettings` for what nothing can be sent to."""
    parts = urlsplit(url)
    if not parts.scheme or "://" not in url:
        raise BadSettings("write a URL")
    kind = KINDS.get(parts.scheme, "notify")
    if kind == "notify":
        find_service(url)
    elif not parts.hostname or parts.port == 0:
        raise BadSettings("its URL names no host")
    elif ":" in parts.netloc and "@" not in parts.netloc and "@" in parts.path:
        raise BadSettings("write %2F for / in a password")  # what is shown as the host was one
    if kind == "mqtt":
        parse_address(url)
    return kind

"""The seam of delivery: a target, what is to be taken there, and what a way of doing so can say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args
from urllib.parse import urlsplit

import msgspec

from bus.alerts import AlertEvent, Event

Kind = Literal["webhook", "mqtt", "notify"]
EventType = Literal["fired", "updated", "resolved", "camera_down", "camera_up"]
Snapshot = Literal["attach", "link", "none"]

EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)


@dataclass(frozen=True)
class Target:
    """Where events go. What it prints as has no credentials in it."""

    name: str
    kind: Kind
    url: str
    secret: str
    events: frozenset[EventType]
    snapshot: Snapshot

    def __repr__(self) -> str:
        return f"Target({self.name} {self.place})"

    @property
    def place(self) -> str:
        """No more of the URL than can be shown: what is behind the host may be a token."""
        parts = urlsplit(self.url)
        if self.kind == "notify":  # there the host itself may be one
            return f"{parts.scheme}://"
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


@dataclass(frozen=True)
class Terms:
    """What is the same for all targets."""

    base_url: str = ""  # a path is put behind it; empty: there are no links
    mqtt_ca: str = ""


@dataclass(frozen=True)
class Delivery:
    """One event for one target."""

    id: str  # the same each time it is tried
    event: Event
    body: bytes  # the event as it is in the log
    attempt: int  # from 1

    @property
    def pictured(self) -> bool:
        """Whether its alert has a snapshot that goes with this event."""
        return isinstance(self.event, AlertEvent) and self.event.snapshot is not None


class Undelivered(Exception):
    """It may work later. The message has no credentials; *after_s*: not sooner than that."""

    def __init__(self, reason: str, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Refused(Undelivered):
    """It can never work."""


class Way(Protocol):
    """Opened by URL scheme, see `alerts.delivery.WAYS`."""

    async def deliver(self, delivery: Delivery) -> None:
        """Return once the target has it; raise `Undelivered` or `Refused`."""


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def document(delivery: Delivery, snapshot: Snapshot, base_url: str) -> bytes:
    """The event as in the log, but for its `snapshot`: a whole link, or null."""
    if not delivery.pictured or (snapshot != "none" and not base_url):
        return delivery.body
    link = snapshot_link(delivery.event, base_url) if snapshot != "none" else None
    fields: Mapping[str, msgspec.Raw] = _fields.decode(delivery.body)
    return msgspec.json.encode({**fields, "snapshot": link})


def snapshot_link(event: Event, base_url: str) -> str | None:
    path = event.snapshot if isinstance(event, AlertEvent) else None
    return f"{base_url}{path}" if path else None


def is_hopeless(status: int) -> bool:
    """Whether the HTTP status means that the same request will never be accepted."""
    return 400 <= status < 500 and status not in (408, 425, 429)

"""
Everything else is a URL of Apprise, which knows the services: `ntfy://`, `tgram://`, `mailto://`…

Apprise blocks, so it gets a thread. Its log lines may have tokens in them: of those we take
only the HTTP status.
"""

import logging
import re
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import get_ident
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from redis.asyncio import Redis

from alerts.threads import in_thread
from alerts.way import Delivery, Refused, Target, Terms, Undelivered, is_hopeless, snapshot_link
from bus import names
from bus.alerts import CameraEvent, Event
from bus.errors import BadSettings

if TYPE_CHECKING:
    from apprise import NotifyBase, NotifyType

LIMIT_S = 30.0
PICTURE_TRIES = 3  # then the words alone, in case it is the picture that is not accepted
_STATUS = re.compile(r"error=(\d{3})\b")


def find_service(url: str) -> "NotifyBase":
    """Raise `BadSettings`, without what the URL says, if there is none for it."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of modules that it imports
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415, it is large

        # Without a limit of its own it works in our thread, not in a pool's.
        service = Apprise.instantiate(url, asset=AppriseAsset(service_timeout=0))
    if service is None:
        scheme = urlsplit(url).scheme
        raise BadSettings(f"Apprise knows no {scheme}://, or not what is written behind it")
    return service


@asynccontextmanager
async def open_notify(target: Target, redis: Redis, terms: Terms) -> AsyncGenerator["Notify"]:
    yield Notify(find_service(target.url), target, redis, terms.base_url)


class Notify:
    def __init__(self, service: "NotifyBase", target: Target, redis: Redis, base_url: str) -> None:
        self._service, self._target, self._redis = service, target, redis
        self._base_url = base_url
        self._busy = False

    async def deliver(self, delivery: Delivery) -> None:
        if self._busy:
            raise Undelivered("still busy with the one before")
        jpeg = await self._picture(delivery)
        link = self._base_url if self._target.snapshot == "link" else ""
        text = body(delivery.event, link)
        try:
            await in_thread(lambda: self._send(delivery.event, text, jpeg), LIMIT_S)
        except TimeoutError as error:
            raise Undelivered(f"not done within {LIMIT_S:g} s") from error

    async def _picture(self, delivery: Delivery) -> bytes | None:
        wanted = self._target.snapshot == "attach" and self._service.attachment_support
        if not wanted or not delivery.pictured or delivery.attempt > PICTURE_TRIES:
            return None
        return cast(bytes | None, await self._redis.get(names.snapshot(delivery.event.id)))

    def _send(self, event: Event, text: str, jpeg: bytes | None) -> None:
        from apprise import Apprise, NotifyFormat  # noqa: PLC0415

        self._busy = True
        try:
            with TemporaryDirectory() as folder, _Ear() as ear:
                sender = Apprise()
                sender.add(self._service)
                is_sent = sender.notify(
                    body=text,
                    title=title(event),
                    notify_type=_type(event),
                    body_format=NotifyFormat.TEXT,
                    attach=_file(Path(folder), jpeg),
                )
        finally:
            self._busy = False
        if not is_sent:
            raise _error(ear.status, bool(jpeg))


def title(event: Event) -> str:
    if isinstance(event, CameraEvent):
        what = "no picture" if event.type == "camera_down" else "back again"
        return f"{event.name or event.camera}: {what}"
    over = " is over" if event.type == "resolved" else ""
    return f"{event.camera_name or event.camera}: {event.rule.name}{over}"


def body(event: Event, base_url: str) -> str:
    if isinstance(event, CameraEvent):
        lines = [event.error, _time(event.at)]
    else:
        score = None if event.score is None else f"{event.score * 100:.0f} %"
        when = ", ".join(part for part in (score, _time(event.at)) if part)
        link = snapshot_link(event, base_url) if base_url else None
        lines = [event.rule.question, when, event.description, link]
    return "\n".join(line for line in lines if line)


def _time(utc: str) -> str:
    """By the clock of this machine."""
    return datetime.fromisoformat(utc).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _type(event: Event) -> "NotifyType":
    from apprise import NotifyType  # noqa: PLC0415

    types = {
        "fired": NotifyType.WARNING,
        "updated": NotifyType.INFO,
        "resolved": NotifyType.SUCCESS,
        "camera_down": NotifyType.FAILURE,
        "camera_up": NotifyType.SUCCESS,
    }
    return types[event.type]


def _file(folder: Path, jpeg: bytes | None) -> str | None:
    if not jpeg:
        return None
    file = folder / "snapshot.jpg"
    file.write_bytes(jpeg)
    return str(file)


def _error(status: int | None, pictured: bool) -> Undelivered:
    if not status:
        return Undelivered("not accepted, or not reached")
    # A picture may be what is not wanted; without it there is another try.
    kind = Refused if is_hopeless(status) and not pictured else Undelivered
    return kind(f"answered {status}")


class _Ear(logging.Handler):
    """Hears from Apprise, in this thread, with which HTTP status a service refused."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.status: int | None = None
        self._thread = get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        found = _STATUS.search(record.getMessage())
        if found and record.thread == self._thread:
            self.status = int(found[1])

    def __enter__(self) -> "_Ear":
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

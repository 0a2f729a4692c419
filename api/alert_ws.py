"""
`/v1/alerts/ws`: alert events over a WebSocket. The server speaks, the client listens.

Without more it is the ancestor's, field for field: what has fired, from now on. With
`?format=full` every event comes as `{"log_id": …, "event": {…}}`, and `?since=LOG_ID` begins
after that place in the log, `0` with everything that is kept.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from datetime import datetime
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from api import errors as failures
from api.alert_feed import Entry, Feed, Listener, check_since
from bus.alerts import AlertEvent, decode_event
from bus.errors import BadJob, LookoutError, Unavailable
from bus.tasks import ended_by

AGAIN, GOING_AWAY = 1013, 1001  # close codes of RFC 6455 and its registry
CLOSE_S = 1.0

Render = Callable[[Entry], str | None]

router = APIRouter()


def full(entry: Entry) -> str:
    return f'{{"log_id":"{entry.id}","event":{entry.event.decode()}}}'


def legacy(entry: Entry) -> str | None:
    """As the ancestor told that an alert has fired; None for what it did not tell."""
    if entry.type != "fired":
        return None
    try:
        event = decode_event(entry.event)
    except msgspec.DecodeError:
        return None
    return _legacy(event) if isinstance(event, AlertEvent) else None


def _legacy(event: AlertEvent) -> str:
    at = datetime.fromisoformat(event.at).astimezone()
    message = {
        "title": "VLM Alert Triggered",
        "type": "vlm_alert",
        "description": f"The VLM has determined the alert rule: {event.rule.question} is True!",
        "alert_id": event.rule.id,
        "rule_string": event.rule.question,
        "stream_id": event.camera,
        "timestamp": at.strftime("%Y-%m-%d %H:%M:%S"),
    }
    return msgspec.json.encode(message).decode()


FORMATS: dict[str, Render] = {"full": full, "legacy": legacy}


@router.websocket("/alerts/ws")
async def follow(socket: WebSocket) -> None:
    feed: Feed = socket.app.state.feed
    try:
        render, since = _asked(socket)
        with feed.joined() as listener:
            since = await feed.start(since)
            await socket.accept()
            await _tell(socket, listener, render, since)
    except LookoutError as error:  # before it was accepted
        await socket.send_denial_response(failures.response(error))


def _asked(socket: WebSocket) -> tuple[Render, str | None]:
    """Raise `BadJob`, also for the page of another host: a browser lets any page connect."""
    origin = socket.headers.get("origin")
    host = urlsplit(f"//{socket.headers.get('host', '')}").hostname
    listed = socket.app.state.settings.cors_origins
    is_strange = origin is not None and urlsplit(origin).hostname != host
    if is_strange and origin not in listed and "*" not in listed:
        raise BadJob("a page of another host may not listen to alerts")
    name = socket.query_params.get("format", "legacy")
    if name not in FORMATS:
        raise BadJob("format: write full, or legacy", param="format")
    return FORMATS[name], check_since(socket.query_params.get("since"))


async def _tell(socket: WebSocket, listener: Listener, render: Render, since: str | None) -> None:
    code, reason = GOING_AWAY, "this process stops"
    try:
        async with ended_by(_gone(socket)), ended_by(listener.overdue()):
            await _send_all(socket, listener, render, since)
    except Unavailable as error:
        code, reason = AGAIN, str(error)
    if listener.too_slow:
        code, reason = AGAIN, "too slow: come again with since="
    # Whoever has gone needs no goodbye, and who reads nothing gets none.
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            await socket.close(code, reason)


async def _send_all(
    socket: WebSocket, listener: Listener, render: Render, since: str | None
) -> None:
    # RuntimeError: the server has found the client dead, and we have not been told yet.
    with suppress(WebSocketDisconnect, RuntimeError):
        async with aclosing(listener.events(since)) as events:
            async for event in events:
                if isinstance(event, Entry) and (text := render(event)):
                    await socket.send_text(text)


async def _gone(socket: WebSocket) -> None:
    """Return when the client has gone; what it says is nothing to us."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass

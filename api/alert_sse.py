"""
`/v1/alerts/stream`: alert events as server-sent events, which a browser resumes by itself.

`id:` is the event's place in the log, `event:` its type, `data:` its document.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.alert_feed import PLACE, Entry, Feed, Listener, Mark, check_since
from api.leaving import gone
from api.shapes.stating import events, refusals
from bus.errors import BadJob, Overloaded, Unavailable
from bus.tasks import ended_by

Since = Annotated[
    str | None,
    Query(
        description="the `id:` of the last event that was seen; 0: all that are kept",
        json_schema_extra={"pattern": f"^({PLACE.pattern})?$"},
    ),
]

HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
HELLO = b": alert events\n\n"  # now the client knows that it is connected
BEAT = b": beat\n\n"

router = APIRouter(tags=["alerts"], default_response_class=Response)

EVENTS = """
The `event:` fired, updated or resolved has an AlertEvent as its `data:`, camera_down and
camera_up a CameraEvent. A type that is not among them is to be passed over.
""".strip()


class _Stream(StreamingResponse):
    """Ends when the client has gone, is too slow, or the process stops."""

    def __init__(self, feed: Feed, since: str | None) -> None:
        super().__init__((), headers=HEADERS, media_type="text/event-stream")
        self._feed, self._since = feed, since

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._feed.joined() as listener:
            since = await self._feed.start(self._since)
            self.body_iterator = lines = _lines(listener, since)
            async with aclosing(lines), ended_by(gone(receive)), ended_by(listener.overdue()):
                await self.stream_response(send)


async def _lines(listener: Listener, since: str | None) -> AsyncGenerator[bytes]:
    yield HELLO
    try:
        async with aclosing(listener.events(since)) as events:
            async for event in events:
                if isinstance(event, Entry):
                    head = f"id: {event.id}\nevent: {event.type}\ndata: ".encode()
                    yield head + event.event + b"\n\n"
                elif event is Mark.BEAT:
                    yield BEAT
    except Unavailable:
        return  # the client comes again, from where it was


@router.get(
    "/alerts/stream",
    summary="Follow alert events",
    responses={
        200: {"description": "Events without end.", "content": events(EVENTS)},
        **refusals(BadJob, Overloaded, Unavailable),
    },
)
async def stream_alerts(request: Request, since: Since = None) -> Response:
    """Events as they come, and before them those after *since* or the header Last-Event-ID."""
    seen = check_since(request.headers.get("last-event-id"), "Last-Event-ID")
    return _Stream(request.app.state.feed, seen or check_since(since))

"""`/v1/alerts`: what has fired, newest first; its picture; what its owner says of it."""

import math
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from api.alert_history import History
from api.errors import Json
from api.schemas import Strict
from api.shapes.alerts import AlertList, KeptAlert
from api.shapes.common import Deleted
from api.shapes.stating import answer, picture, refusals
from bus.alerts import Alert
from bus.errors import BadJob, Unavailable, UnknownAlert, UnknownSnapshot
from bus.redis import translated

MAX_NOTE = 1000

router = APIRouter(tags=["alerts"])

AlertId = Annotated[str, Path(min_length=1)]
TIME = "unix seconds, or a time with its zone, such as 2026-11-23T17:20:46Z"


class Wanted(Strict):
    """Which alerts are asked for."""

    model_config = ConfigDict(strict=False)  # in a query, a number is a text

    rule: str | None = Field(None, description="id of the rule that made it")
    camera: str | None = Field(None, description="id of the camera that it is about")
    state: Literal["firing", "resolved"] | None = None
    since: str | None = Field(None, description=TIME)
    until: str | None = Field(None, description=TIME)
    limit: int = Field(20, ge=1, le=100)
    after: str | None = Field(None, max_length=256, description="`last_id` of the page before")

    def fits(self, alert: Alert) -> bool:
        event = alert.fired
        asked = (self.rule, event.rule.id), (self.camera, event.camera), (self.state, alert.state)
        return all(value in (None, found) for value, found in asked)


class Feedback(Strict):
    correct: bool | None = None  # null: nobody knows
    note: str = Field("", max_length=MAX_NOTE)


def describe(alert: Alert) -> dict[str, object]:
    return {"object": "alert", **msgspec.to_builtins(alert)}


def _missing(alert: str) -> UnknownAlert:
    return UnknownAlert(f"there is no alert {alert[:80]!r}: see GET /v1/alerts")


def _unix(text: str | None, param: str) -> float | None:
    """*text*, ISO 8601 with its zone or unix seconds, as unix seconds."""
    if text is None:
        return None
    try:
        if math.isfinite(number := float(text)):
            return number
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return time.timestamp()
    except (ValueError, OverflowError):
        pass
    raise BadJob(f"{param}: write {TIME}", param=param)


@router.get(
    "/alerts",
    summary="List the alerts",
    responses={**answer(AlertList, "A page of them."), **refusals(BadJob, Unavailable)},
)
async def list_alerts(request: Request, wanted: Annotated[Wanted, Query()]) -> Response:
    """
    Newest first. *since* and *until* are about when it fired, unix seconds or ISO 8601.

    For the next page set *after* to `last_id`, as long as `has_more`.
    """
    history: History = request.app.state.history
    since, until = _unix(wanted.since, "since"), _unix(wanted.until, "until")
    async with translated():
        page = await history.page(wanted.fits, since or 0.0, until, wanted.after, wanted.limit)
    if page is None:
        raise BadJob("after: there is no such alert any more: begin anew", param="after")
    found = [describe(alert) for alert in page.alerts]
    return Json(
        {
            "object": "list",
            "data": found,
            "first_id": found[0]["id"] if found else None,
            "last_id": page.last_id,
            "has_more": page.has_more,
        }
    )


@router.get(
    "/alerts/{alert}",
    summary="Tell about an alert",
    responses={
        **answer(KeptAlert, "As far as it is known."),
        **refusals(UnknownAlert, Unavailable),
    },
)
async def get_alert(request: Request, alert: AlertId) -> Response:
    history: History = request.app.state.history
    async with translated():
        if (found := await history.get(alert)) is None:
            raise _missing(alert)
    return Json(describe(found))


@router.get(
    "/alerts/{alert}/snapshot.jpg",
    summary="Show an alert's picture",
    response_class=Response,
    responses={
        **picture("image/jpeg", "What was judged."),
        **refusals(UnknownAlert, UnknownSnapshot, Unavailable),
    },
)
async def get_snapshot(request: Request, alert: AlertId) -> Response:
    """The picture that was judged, as JPEG."""
    history: History = request.app.state.history
    async with translated():
        if (picture := await history.snapshot(alert)) is None:
            found = await history.get(alert)
            raise _no_snapshot(found) if found else _missing(alert)
    headers = {"cache-control": "private, max-age=3600", "x-content-type-options": "nosniff"}
    return Response(picture, media_type="image/jpeg", headers=headers)


def _no_snapshot(alert: Alert) -> UnknownSnapshot:
    if alert.fired.snapshot is None:
        return UnknownSnapshot("no picture was kept of this alert: see `attach_snapshot`")
    return UnknownSnapshot("the picture of this alert is no longer kept: it has expired")


@router.post(
    "/alerts/{alert}/feedback",
    summary="Say whether an alert was right",
    responses={
        **answer(KeptAlert, "With what was said."),
        **refusals(BadJob, UnknownAlert, Unavailable),
    },
)
async def give_feedback(body: Feedback, request: Request, alert: AlertId) -> Response:
    """What is not named stays."""
    history: History = request.app.state.history
    fields = body.model_dump(exclude_unset=True)
    if not fields:
        raise BadJob("say whether it is `correct`, or write a `note`", param="correct")
    async with translated():
        if (found := await history.note(alert, fields)) is None:
            raise _missing(alert)
    return Json(describe(found))


@router.delete(
    "/alerts/{alert}",
    summary="Forget an alert",
    responses={**answer(Deleted), **refusals(UnknownAlert, Unavailable)},
)
async def delete_alert(request: Request, alert: AlertId) -> Response:
    """Forget it and its picture; its rule goes on."""
    history: History = request.app.state.history
    async with translated():
        if not await history.remove(alert):
            raise _missing(alert)
    return Json({"id": alert, "object": "alert.deleted", "deleted": True})

"""The ancestor's `POST /alerts`: a list of questions as rules r0, r1 …, in place of the last."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from api.cameras import check_id
from api.errors import Json
from api.rules import taken
from api.schemas import MAX_ITEMS, Strict
from api.settings import ApiSettings
from api.shapes.common import Done
from api.shapes.stating import answer, refusals
from bus.cameras import Cameras, missing
from bus.errors import BadJob, Overloaded, RuleExists, Unavailable, UnknownCamera
from bus.legacy_rules import LegacyLimits, legacy_rules
from bus.redis import translated
from bus.rulebook import Rulebook

router = APIRouter(tags=["compatibility"], deprecated=True)


class LegacyAlerts(Strict):
    alerts: Annotated[list[str], Field(max_length=MAX_ITEMS, fail_fast=True)]
    id: str | None = None  # of the camera; all of them when there is none


@router.post(
    "/alerts",
    summary="Set the questions that make alerts",
    responses={
        **answer(Done),
        **refusals(BadJob, UnknownCamera, RuleExists, Overloaded, Unavailable),
    },
)
async def set_alerts(body: LegacyAlerts, request: Request) -> Response:
    """Replace what was set this way before, and no other rule; an empty list clears it."""
    rules: Rulebook = request.app.state.rules
    settings: ApiSettings = request.app.state.settings
    limits = LegacyLimits(
        alerts=settings.max_alerts,
        cooldown_s=settings.alert_cooldown_s,
        prompt=settings.alert_prompt,
    )
    async with translated():
        camera = await _known(request.app.state.cameras, body.id)
        theirs = await rules.replace_legacy(legacy_rules(body.alerts, camera, limits))
    if theirs:
        raise taken(theirs, f"alerts[{theirs.removeprefix('r')}]")
    return Json({"detail": "Alert rules set"})


async def _known(cameras: Cameras, camera: str | None) -> str | None:
    if camera is None:
        return None
    if await cameras.spec(check_id(camera)) is None:
        raise missing(camera)
    return camera

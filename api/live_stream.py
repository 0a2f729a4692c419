"""The ancestor's `/live-stream`: cameras under its names, with its bodies and its meanings."""

import uuid

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from api.cameras import MAX_NAME, CameraId, add_camera, check_id, check_url
from api.errors import Json
from api.schemas import Strict
from api.settings import ApiSettings
from api.shapes.cameras import AddedStream, KeptStream
from api.shapes.common import Done
from api.shapes.stating import answer, json_of, reference, refusals
from bus.cameras import Cameras, missing
from bus.errors import (
    BadJob,
    CameraError,
    CameraStale,
    CameraTimeout,
    LookoutError,
    NotBuilt,
    Overloaded,
    Unavailable,
    UnknownCamera,
)
from bus.log import mask
from bus.messages import CameraSpec
from bus.redis import translated

router = APIRouter(tags=["compatibility"], deprecated=True)


class LiveStream(Strict):
    liveStreamUrl: str = Field(min_length=1, max_length=1000)
    description: str = Field("", max_length=1000)


@router.post(
    "/live-stream",
    summary="Add a camera, once it gives frames",
    responses={
        **answer(AddedStream),
        **refusals(BadJob, NotBuilt, Overloaded, CameraError, CameraTimeout),
        **refusals(CameraStale, Unavailable),
    },
)
async def add_live_stream(body: LiveStream, request: Request) -> Response:
    """Open a camera and keep it; answered once it gives frames, or refused with the reason."""
    state = request.app.state
    cameras: Cameras = state.cameras
    settings: ApiSettings = state.settings
    url = _checked(body.liveStreamUrl, settings)
    name = body.description[:MAX_NAME]
    spec = CameraSpec(str(uuid.uuid4()), url, explicit=True, name=name)
    async with translated():
        await add_camera(cameras, spec, settings)
        try:
            await cameras.wait_live(spec.id, settings.camera_open_s + 1, tried=0)
        except CameraError:
            await cameras.remove(spec.id)
            raise
    return Json({"id": spec.id})


def _checked(url: str, settings: ApiSettings) -> str:
    try:
        return check_url(url, settings)
    except LookoutError as error:
        error.param = "liveStreamUrl"
        raise


@router.get(
    "/live-stream",
    summary="List the cameras",
    responses={
        **json_of({"type": "array", "items": reference(KeptStream)}, "All of them."),
        **refusals(Unavailable),
    },
)
async def list_live_streams(request: Request) -> Response:
    cameras: Cameras = request.app.state.cameras
    async with translated():
        specs = await cameras.wanted()
    return Json(
        [
            {"id": spec.id, "liveStreamUrl": mask(spec.url), "description": spec.name}
            for spec in specs
        ]
    )


@router.delete(
    "/live-stream/{camera}",
    summary="Remove a camera",
    responses={**answer(Done), **refusals(UnknownCamera, Unavailable)},
)
async def delete_live_stream(request: Request, camera: CameraId) -> Response:
    cameras: Cameras = request.app.state.cameras
    async with translated():
        if not await cameras.remove(check_id(camera)):
            raise missing(camera)
    return Json({"detail": "Stream removed successfully"})

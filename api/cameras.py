"""`/v1/cameras`: which cameras there are and how each one is; adding, changing, removing."""

import re
import secrets
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from api.errors import Json
from api.permits import check_camera
from api.schemas import Strict
from api.settings import ApiSettings
from api.shapes.cameras import Camera, CameraList
from api.shapes.common import Deleted
from api.shapes.stating import answer, refusals
from bus.cameras import CAMERA_ID, Cameras, CameraStatus, missing
from bus.errors import (
    BadJob,
    CameraExists,
    LookoutError,
    NotBuilt,
    Overloaded,
    Unavailable,
    UnknownCamera,
)
from bus.log import MASK
from bus.messages import CameraSpec
from bus.redis import translated
from bus.times import utc

MAX_URL, MAX_NAME = 2000, 100

router = APIRouter(tags=["cameras"])

# Only told: an id that no camera can have is one that is not there.
CameraId = Annotated[
    str, Path(json_schema_extra={"pattern": f"^{CAMERA_ID.pattern}$"}, examples=["front"])
]


class NewCamera(Strict):
    url: str = Field(min_length=1, max_length=MAX_URL, examples=["rtsp://user:word@10.0.0.5/1"])
    id: str | None = Field(
        None,
        description="made from the name when there is none",
        json_schema_extra={"pattern": f"^{CAMERA_ID.pattern}$"},
    )
    name: str = Field("", max_length=MAX_NAME)
    fps: float | None = Field(None, ge=1, le=120, description="frames published per second")


class CameraChange(Strict):
    url: str | None = Field(None, min_length=1, max_length=MAX_URL)
    name: str | None = Field(None, max_length=MAX_NAME)
    fps: float | None = Field(None, ge=1, le=120, description="null: as the settings say")


def describe(status: CameraStatus) -> dict[str, object]:
    """What a client may know: no endpoints, and the times readable."""
    fields = msgspec.structs.asdict(status)
    hidden = ("endpoint", "remote", "instance")
    return {
        "object": "camera",
        **{key: value for key, value in fields.items() if key not in hidden},
        "error": status.error or None,
        "last_frame_at": utc(status.last_frame_at) if status.last_frame_at else None,
        "since": utc(status.since) if status.since else None,
    }


def check_id(camera: str) -> str:
    if not CAMERA_ID.fullmatch(camera):
        raise missing(camera[:80])
    return camera


def check_url(url: str, settings: ApiSettings) -> str:
    """*url* if a request may have it opened; raise `BadJob` that names the field."""
    try:
        if MASK in url:
            raise BadJob(f"the URL has {MASK} where its password was: write it again")
        check_camera(url.strip(), settings)
    except LookoutError as error:
        error.param = "url"
        raise
    return url.strip()


def _id_of(camera: NewCamera) -> str:
    if camera.id is None:
        word = re.sub(r"[^a-z0-9]+", "-", camera.name.lower()).strip("-")[:40]
        return f"{word or 'camera'}-{secrets.token_hex(3)}"
    if not CAMERA_ID.fullmatch(camera.id):
        raise BadJob("id: use 1 to 64 letters, digits, '-' or '_', no '-' or '_' first", param="id")
    return camera.id


async def add_camera(cameras: Cameras, spec: CameraSpec, settings: ApiSettings) -> CameraStatus:
    """Register *spec*, as long as there is room; its status, which may still be `connecting`."""
    if len(await cameras.wanted()) >= settings.max_cameras:
        raise Overloaded(f"{settings.max_cameras} cameras are open: see LOOKOUT_MAX_CAMERAS")
    await cameras.add(spec)
    return await _status(cameras, spec.id)


async def _status(cameras: Cameras, camera: str) -> CameraStatus:
    status = await cameras.get(camera)
    if status is None:
        raise missing(camera)
    return status


@router.get(
    "/cameras",
    summary="List the cameras",
    responses={**answer(CameraList, "All of them, by id."), **refusals(Unavailable)},
)
async def list_cameras(request: Request) -> Response:
    cameras: Cameras = request.app.state.cameras
    async with translated():
        found = await cameras.all()
    return Json({"object": "list", "data": [describe(status) for status in found]})


@router.post(
    "/cameras",
    status_code=201,
    summary="Add a camera",
    responses={
        **answer(Camera, "It is being opened.", 201),
        **refusals(BadJob, CameraExists, NotBuilt, Overloaded, Unavailable),
    },
)
async def create_camera(body: NewCamera, request: Request) -> Response:
    """Keep a camera open until it is removed. It need not be reachable now."""
    state = request.app.state
    url = check_url(body.url, state.settings)
    spec = CameraSpec(_id_of(body), url, explicit=True, name=body.name, fps=body.fps or 0.0)
    async with translated():
        return Json(describe(await add_camera(state.cameras, spec, state.settings)), 201)


@router.get(
    "/cameras/{camera}",
    summary="Tell how a camera is",
    responses={**answer(Camera, "How it is now."), **refusals(UnknownCamera, Unavailable)},
)
async def get_camera(request: Request, camera: CameraId) -> Response:
    async with translated():
        return Json(describe(await _status(request.app.state.cameras, check_id(camera))))


@router.patch(
    "/cameras/{camera}",
    summary="Change a camera",
    responses={
        **answer(Camera, "As it is now."),
        **refusals(BadJob, UnknownCamera, NotBuilt, Unavailable),
    },
)
async def change_camera(body: CameraChange, request: Request, camera: CameraId) -> Response:
    """What is not named stays. Once answered, no frame from before is used any more."""
    state = request.app.state
    cameras: Cameras = state.cameras
    async with translated():
        before = await cameras.spec(check_id(camera))
        if before is None:
            raise missing(camera)
        after = _changed(before, body, state.settings)
        if (before.url, before.fps) == (after.url, after.fps):
            await cameras.rename(after)
        else:
            await cameras.replace(after)
        status = await _status(cameras, camera)
    # Its capture process may not have read the new name yet.
    return Json(describe(msgspec.structs.replace(status, name=after.name)))


def _changed(before: CameraSpec, body: CameraChange, settings: ApiSettings) -> CameraSpec:
    asked = body.model_dump(exclude_unset=True)
    if "url" in asked:
        asked["url"] = check_url(body.url or "", settings)
    if "fps" in asked:
        asked["fps"] = body.fps or 0.0
    if "name" in asked:
        asked["name"] = body.name or ""
    return msgspec.structs.replace(before, **asked, explicit=True)


@router.delete(
    "/cameras/{camera}",
    summary="Remove a camera",
    responses={**answer(Deleted), **refusals(UnknownCamera, Unavailable)},
)
async def delete_camera(request: Request, camera: CameraId) -> Response:
    """Close and forget it. One of the settings comes back when they are read again."""
    cameras: Cameras = request.app.state.cameras
    async with translated():
        if not await cameras.remove(check_id(camera)):
            raise missing(camera)
    return Json({"id": camera, "object": "camera.deleted", "deleted": True})

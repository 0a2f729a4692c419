"""`/v1/cameras`: which cameras there are, how each one is, and its newest frame."""

import asyncio

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import utc
from api.errors import Json
from bus.cameras import CAMERA_ID, Cameras, CameraStatus, missing
from bus.jpeg import encode_jpeg
from bus.redis import translated
from bus.subscriber import FrameSubscriber

FRAME_WAIT_S = 5.0

router = APIRouter()


def _describe(status: CameraStatus) -> dict[str, object]:
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


def _checked(camera: str) -> str:
    if not CAMERA_ID.fullmatch(camera):
        raise missing(camera[:80])
    return camera


@router.get("/cameras")
async def list_cameras(request: Request) -> Response:
    cameras: Cameras = request.app.state.cameras
    async with translated():
        found = await cameras.all()
    return Json({"object": "list", "data": [_describe(status) for status in found]})


@router.get("/cameras/{camera}")
async def get_camera(request: Request, camera: str) -> Response:
    cameras: Cameras = request.app.state.cameras
    async with translated():
        status = await cameras.get(_checked(camera))
    if status is None:
        raise missing(camera)
    return Json(_describe(status))


@router.get("/cameras/{camera}/frame.jpg")
async def frame(request: Request, camera: str) -> Response:
    """The newest frame; its number, time and age are in the headers."""
    frames: FrameSubscriber = request.app.state.frames
    async with translated():
        newest = await frames.newest(_checked(camera), FRAME_WAIT_S)
    jpeg = await asyncio.to_thread(encode_jpeg, newest.pixels)
    headers = {
        "cache-control": "no-store",
        "x-frame-seq": str(newest.descriptor.seq),
        "x-frame-captured-at": utc(newest.descriptor.captured_at),
        "x-frame-age-ms": f"{newest.age_s * 1000:.0f}",
    }
    return Response(jpeg, media_type="image/jpeg", headers=headers)

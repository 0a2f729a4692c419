"""What a camera shows: its newest frame, and moving pictures (MJPEG) for any browser."""

import asyncio
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.cameras import CameraId, check_id
from api.leaving import gone
from api.painting import Look, Painter, headers
from api.screens import FIRST_S, Picture, Screen, Screens
from api.shapes.stating import picture, refusals
from bus.errors import (
    BadJob,
    CameraError,
    CameraStale,
    CameraTimeout,
    Overloaded,
    Unavailable,
    UnknownCamera,
)
from bus.overlay import Said
from bus.redis import translated
from bus.subscriber import FrameSubscriber
from bus.tasks import ended_by, unless

BOUNDARY = "frame"
WIDEST = 1280  # of moving pictures, where the client does not say
ANY_WIDTH = 7680

Width = Annotated[int, Query(ge=64, le=ANY_WIDTH)]
Fps = Annotated[float, Query(ge=0.2, le=30)]

router = APIRouter(tags=["cameras"], default_response_class=Response)
REFUSALS = {
    **refusals(BadJob, UnknownCamera, Overloaded, CameraError, CameraTimeout),
    **refusals(CameraStale, Unavailable),
}


@router.get(
    "/cameras/{camera}/frame.jpg",
    summary="Show a camera's newest frame",
    responses={**picture("image/jpeg", "The frame."), **REFUSALS},
)
@router.head("/cameras/{camera}/frame.jpg", include_in_schema=False)
async def get_camera_frame(
    request: Request, camera: CameraId, width: Width = ANY_WIDTH, overlay: bool = False
) -> Response:
    """The newest frame; its number, time and age are in the headers."""
    state = request.app.state
    frames: FrameSubscriber = state.frames
    said = Said(state.answers.of(camera), state.standings.notes(camera))
    painter = Painter(Look(check_id(camera), width, overlay), state.settings.preview_fade_s)
    async with translated():
        newest = await frames.newest(camera, FIRST_S)
    jpeg = await asyncio.to_thread(painter.frame, newest, said)
    more = {"cache-control": "no-store", "x-frame-age-ms": f"{newest.age_s * 1000:.0f}"}
    return Response(jpeg, media_type="image/jpeg", headers={**headers(newest), **more})


@router.get(
    "/cameras/{camera}/preview.mjpeg",
    summary="Show a camera's moving pictures",
    responses={
        **picture("multipart/x-mixed-replace", "A JPEG after the other, without end."),
        **REFUSALS,
    },
)
@router.head("/cameras/{camera}/preview.mjpeg", include_in_schema=False)
async def watch_camera(
    request: Request,
    camera: CameraId,
    fps: Fps = 10.0,
    width: Width = WIDEST,
    overlay: bool = False,
) -> Response:
    """
    Moving pictures for `<img src=…>`, *fps* per second at most, until the client leaves.

    A slow client gets fewer of them; a camera that is lost, a picture that says so.
    """
    state = request.app.state
    return Mjpeg(state.screens, Look(check_id(camera), width, overlay), fps, state.stopping)


class Mjpeg(Response):
    """One client's pictures, from the first one until it leaves or the process stops."""

    def __init__(self, screens: Screens, look: Look, fps: float, stopping: asyncio.Event) -> None:
        self._screens, self._look, self._stopping = screens, look, stopping
        self._step_s = 1 / fps
        self._begun = False
        super().__init__(
            media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )
        del self.headers["content-length"]  # it has no end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._screens.open(self._look) as screen:
            async with ended_by(unless(self._stopping, gone(receive))):
                await self._film(screen, send, scope["method"] == "HEAD")
        if not self._begun:
            raise Unavailable("the server is stopping")
        await send({"type": "http.response.body"})

    async def _film(self, screen: Screen, send: Send, only_head: bool) -> None:
        picture = await screen.first()  # or its error, which still has a status
        self._begun = True
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        start = f"--{BOUNDARY}\r\n".encode()
        while not only_head:
            body = start + part(picture)
            start = b""
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await asyncio.sleep(self._step_s - monotonic() % self._step_s)  # in step with others
            picture = await screen.next(picture)


def part(picture: Picture) -> bytes:
    """*picture* up to the next boundary: some browsers show it only when they have read that."""
    lines = {
        "content-type": "image/jpeg",
        "content-length": str(len(picture.jpeg)),
        **picture.headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode() + b"\r\n" + picture.jpeg + f"\r\n--{BOUNDARY}\r\n".encode()

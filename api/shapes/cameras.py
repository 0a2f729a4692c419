"""A camera, as `/v1/cameras` and the ancestor's `/v1/live-stream` tell of it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from bus.cameras import State

At = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class Camera(Struct, frozen=True, kw_only=True):
    object: Literal["camera"]
    id: str
    url: Annotated[str, Meta(description="without its password")]
    name: str
    explicit: Annotated[bool, Meta(description="kept; another one is closed when it is idle")]
    state: State
    error: Annotated[str | None, Meta(description="why it is not live")]
    attempts: Annotated[int, Meta(description="times it was opened, or tried to be")]
    reconnects: Annotated[int, Meta(description="times it came back")]
    owner: Annotated[str, Meta(description="the capture process that has it")]
    width: int
    height: int
    fps: Annotated[float, Meta(description="frames published per second, lately")]
    fps_in: Annotated[float, Meta(description="frames that arrive per second")]
    drops: Annotated[int, Meta(description="frames that arrived damaged or too fast")]
    codec: str
    last_frame_at: At | None
    since: Annotated[At | None, Meta(description="of its state")]


class CameraList(Struct, frozen=True, kw_only=True):
    object: Literal["list"]
    data: list[Camera]


class AddedStream(Struct, frozen=True, kw_only=True):
    id: str


class KeptStream(Struct, frozen=True, kw_only=True):
    id: str
    liveStreamUrl: str
    description: str

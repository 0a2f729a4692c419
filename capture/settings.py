"""What the owner of the cameras decides, and nothing that could be found out."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from bus.cameras import check_id
from bus.errors import BadSettings
from bus.log import mask
from bus.messages import CameraSpec
from bus.settings import BusSettings
from capture.source import Terms, kind_of

HOSTED = ("http", "https", "rtsp", "rtsps")
Seconds = Annotated[float, Meta(ge=0.5, le=600)]


class CameraEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A camera in the settings file: `[cameras.front]`, then `url = "rtsp://…"`."""

    url: str
    name: Annotated[str, Meta(max_length=100)] = ""
    fps: Annotated[float, Meta(ge=1, le=120)] | None = None


# `front=rtsp://10.0.0.5/stream1 yard=demo:`, or the table of the settings file
Cameras = tuple[str, ...] | dict[str, str | CameraEntry]


class CaptureSettings(BusSettings, frozen=True, kw_only=True):
    cameras: Cameras = ()
    camera_fps: Annotated[float, Meta(ge=1, le=120)] = 15.0  # at most so many published of each
    camera_open_s: Seconds = 10.0
    camera_stall_s: Seconds = 10.0  # without a frame for so long, a camera is opened anew
    camera_down_s: Annotated[float, Meta(ge=0, le=3600)] = 10.0  # lost so long, it is announced
    hwaccel: str = "auto"  # hardware that decodes: auto, none, or FFmpeg's name of it
    csi_command: str = ""  # reads a CSI camera, instead of what is found installed
    frames_tcp: str = ""  # `tcp://10.0.0.7:5600`: where readers on other hosts get pictures

    def __post_init__(self) -> None:
        ids = [spec.id for spec in self.specs()]
        if twice := {name for name in ids if ids.count(name) > 1}:
            raise BadSettings(f"LOOKOUT_CAMERAS: {min(twice)} is there twice")
        if self.frames_tcp and not re.fullmatch(r"tcp://[^/]+:\d+", self.frames_tcp):
            raise BadSettings("LOOKOUT_FRAMES_TCP: write tcp://address:port")

    def specs(self) -> tuple[CameraSpec, ...]:
        if isinstance(self.cameras, dict):
            return tuple(_spec(name, entry) for name, entry in self.cameras.items())
        return tuple(map(parse_camera, self.cameras))

    def terms(self, fps: float = 0.0) -> Terms:
        """On which terms to read a camera; *fps* is its own limit, if it has one."""
        return Terms(
            open_s=self.camera_open_s,
            stall_s=self.camera_stall_s,
            fps=fps or self.camera_fps,
            hwaccel=self.hwaccel,
            csi_command=self.csi_command,
        )


def parse_camera(text: str) -> CameraSpec:
    """`id=url`; raise `BadSettings` that names the camera."""
    name, equals, url = text.partition("=")
    try:
        if not equals:
            raise BadSettings("write id=url")
        _check_url(url)
        return CameraSpec(check_id(name), url, explicit=True, setting=True)
    except BadSettings as error:
        raise BadSettings(f"LOOKOUT_CAMERAS: {mask(text)}: {error}") from error


def _spec(name: str, entry: str | CameraEntry) -> CameraSpec:
    """A camera of the settings file."""
    said = CameraEntry(entry) if isinstance(entry, str) else entry
    try:
        _check_url(said.url)
        return CameraSpec(
            check_id(name),
            said.url,
            explicit=True,
            setting=True,
            name=said.name,
            fps=said.fps or 0.0,
        )
    except BadSettings as error:
        raise BadSettings(f"LOOKOUT_SETTINGS: cameras.{mask(name)}: {error}") from error


def _check_url(url: str) -> None:
    kind_of(url)
    if urlsplit(url).scheme in HOSTED and not urlsplit(url).hostname:
        raise BadSettings("its URL names no host")

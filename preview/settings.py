"""What the owner decides about the pictures that players see."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from bus.errors import BadSettings
from bus.keys import KeySettings

SMALLEST, LARGEST = 160, 3840  # pixels of a side


class PreviewSettings(KeySettings, frozen=True, kw_only=True):
    preview_host: str = "127.0.0.1"
    preview_port: Annotated[int, Meta(ge=0, le=65535)] = 5011  # of RTSP; 0: none
    preview_size: str = "1280x720"  # of every picture, whatever the camera's
    preview_fps: Annotated[float, Meta(ge=1, le=60)] = 15.0  # at most
    preview_kbps: Annotated[int, Meta(ge=100, le=100_000)] = 2500  # of each path
    preview_clients: Annotated[int, Meta(ge=1, le=1000)] = 16  # connections at once
    preview_user: str = ""  # with a password: players must log in
    preview_password: str = ""
    preview_push_url: str = ""  # `rtsp://mediamtx:8554/{camera}`: also publish there
    preview_fade_s: Annotated[float, Meta(ge=0, le=86_400)] = 20.0  # an answer is seen so long
    camera_idle_s: float = 300.0  # a camera that only requests named stays open while watched

    def __post_init__(self) -> None:
        parse_size(self.preview_size)
        if bool(self.preview_user) != bool(self.preview_password):
            raise BadSettings("LOOKOUT_PREVIEW_USER and LOOKOUT_PREVIEW_PASSWORD: set both or none")
        if '"' in self.preview_user:
            raise BadSettings("LOOKOUT_PREVIEW_USER: no quotation marks")
        if self.preview_push_url:
            check_push_url(self.preview_push_url)

    @property
    def login(self) -> tuple[str, str] | None:
        return (self.preview_user, self.preview_password) if self.preview_user else None


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of `1280x720`."""
    match = re.fullmatch(r"(\d{3,4})x(\d{3,4})", text)
    sides = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(SMALLEST <= side <= LARGEST and side % 2 == 0 for side in sides):
        raise BadSettings(
            f"LOOKOUT_PREVIEW_SIZE: write 1280x720, even numbers from {SMALLEST} to {LARGEST}"
        )
    return sides


def check_push_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        fits = parts.scheme == "rtsp" and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        fits = False
    if not fits or not url.isascii() or not url.isprintable() or " " in url:
        raise BadSettings("LOOKOUT_PREVIEW_PUSH_URL: write rtsp://host:8554/{camera}")

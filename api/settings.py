"""Settings of the api process."""

import re
from typing import Annotated

from msgspec import Meta

from bus.errors import BadSettings
from bus.keys import KeySettings

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s]+")


class ApiSettings(KeySettings, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: int = 9000
    default_model: str = ""  # for requests that name none; empty: the first one served
    request_timeout_s: float = 120.0
    max_queue: int = 256  # requests that may wait per model; the next one is a 429
    max_body_mb: float = 48.0  # of a request, before it is read
    receive_timeout_s: Annotated[float, Meta(gt=0)] = 30.0  # for its head, and for its body
    max_connections: Annotated[int, Meta(ge=1)] = 512  # of clients at once; then there is a 503
    rate_rpm: Annotated[int, Meta(ge=0, le=1_000_000)] = 0  # requests per minute that a key may
    # ask of models; 0: any number
    max_concurrent: Annotated[int, Meta(ge=0)] = 0  # of them at once; 0: any number
    cors_origins: tuple[str, ...] = ()  # pages that may ask: `https://app.example`, or `*`
    max_image_mb: float = 32.0  # of one picture's file
    max_image_mp: float = 64.0  # of one picture, in millions of pixels
    fetch_timeout_s: float = 10.0  # for a picture behind http(s)
    allow_hosts: tuple[str, ...] = ()  # names or networks that http(s) pictures may come from,
    # although they are private: `cam.local 192.168.1.0/24`
    file_roots: tuple[str, ...] = ()  # directories that file:// cameras in a request may be in
    camera_open_s: float = 10.0  # how long a request waits for its camera to open
    max_cameras: int = 32  # open at once; requests may not open more
    max_pictures: int = 32  # in one request, cameras included
    devices: tuple[str, ...] = ("/dev/video*", "/dev/v4l/by-id/*", "/dev/v4l/by-path/*")
    stream_frames: int = 2  # of a `stream` part that does not say
    stream_span_s: float = 0.0  # over so long; 0: one after the other
    response_keep_s: Annotated[float, Meta(ge=0)] = 86_400.0  # 0: no response is kept
    max_responses: Annotated[int, Meta(ge=1)] = 10_000  # kept at once; the oldest one goes
    max_responses_mb: Annotated[float, Meta(gt=0)] = 256.0  # of all of them, with their pictures
    max_previews: int = 32  # clients that look at moving pictures at once; the next one is a 429
    preview_fade_s: Annotated[float, Meta(ge=0, le=86_400)] = 20.0  # an answer is seen so long
    camera_idle_s: float = 300.0  # after that, a camera that only requests named is closed
    max_rules: int = 64  # kept at once
    max_alerts: int = 10  # in one list of the ancestor's POST /v1/alerts
    alert_cooldown_s: float = 60.0  # of the rules that such a list makes
    alert_prompt: str = ""  # how to ask them: `{question}` stands for each; empty: as ever
    max_alert_clients: int = 64  # that listen to alert events at once
    ws_port: int = 0  # these three answer like `port`, where the ancestor's clients look for
    alert_metrics_port: int = 0  # WebSocket (5016) and metrics (5012, 5017); 0: not at all
    stats_port: int = 0

    def __post_init__(self) -> None:
        for origin in self.cors_origins:
            if origin != "*" and not ORIGIN.fullmatch(origin):
                raise BadSettings("LOOKOUT_CORS_ORIGINS: write https://host or https://host:port")

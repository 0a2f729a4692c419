"""Settings of the local stack; what is not here is handed on to the services as it is."""

import os
from pathlib import Path

import msgspec

from bus.keys import KeySettings
from capture.settings import Cameras
from inference.settings import DEMO_MODEL


def default_data_dir() -> str:
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return str(Path(home) / "lookout")


class LocalSettings(KeySettings, frozen=True, kw_only=True):
    redis_url: str = ""  # empty: start the embedded Valkey
    redis_port: int = 0  # of the embedded Valkey on loopback, for subscribers; 0: none
    data_dir: str = msgspec.field(default_factory=default_data_dir)
    host: str = "127.0.0.1"
    port: int = 9000
    preview_host: str = ""  # empty: the same address
    preview_port: int | None = None  # None: the usual one, if it is free
    preview_push_url: str = ""
    cameras: Cameras | None = None
    model: str = DEMO_MODEL
    more_models: tuple[str, ...] = ()  # each in an inference process of its own
    default_model: str = ""  # for whatever names none; empty: `model`, if there are more
    file_roots: tuple[str, ...] = ()

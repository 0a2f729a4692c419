"""
The two settings files of the VILA microservice, read as ours.

`MAIN_CONFIG_PATH` and `CHAT_SERVER_CONFIG_PATH` name them. A key that is missing has the
default that the microservice shipped with, one that is not known is an error.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from bus.errors import BadSettings

MAIN, CHAT_SERVER = "MAIN_CONFIG_PATH", "CHAT_SERVER_CONFIG_PATH"
# What it told its model by default; our engines say the same by themselves.
SYSTEM_PROMPT = (
    "You are an AI assistant whose job is to evaluate a yes/no question on an image."
    " Your response must be accurate and based on the image and MUST be yes or no."
)

T = TypeVar("T", bound=msgspec.Struct)
Port = Annotated[int, Meta(ge=0, le=65535)]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class MainConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    api_server_port: Port = 9000
    prometheus_port: Port = 5012
    websocket_server_port: Port = 5016
    stream_output: str = "rtsp://0.0.0.0:5011/out"
    chat_server: str = "http://0.0.0.0:5015"  # there is none any more
    alert_system_prompt: str = SYSTEM_PROMPT
    max_alerts: Annotated[int, Meta(ge=0, le=64)] = 10
    alert_cooldown: Annotated[float, Meta(ge=0)] = 60  # seconds
    multi_frame_input: Annotated[int, Meta(ge=1, le=8)] = 2
    multi_frame_input_time: Annotated[float, Meta(ge=0, le=10_000)] = 0  # milliseconds
    log_level: Level = "INFO"


class ChatServerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    api_server_port: Port = 5015  # of the internal chat server, which there is none of
    prometheus_port: Port = 5017
    model: str = ""
    log_level: Level = "INFO"
    print_stats: bool = True  # the numbers are in the metrics


def values(env: Mapping[str, str]) -> dict[str, object]:
    """Our settings as the files say that *env* names; none without. Raise `BadSettings`."""
    found: dict[str, object] = {}
    if file := env.get(CHAT_SERVER, ""):
        found |= _of_chat_server(_read(file, CHAT_SERVER, ChatServerConfig))
    if file := env.get(MAIN, ""):
        found |= _of_main(_read(file, MAIN, MainConfig), f"{MAIN}: {file}")
    return found


def _of_main(config: MainConfig, place: str) -> dict[str, object]:
    port = _port_of(config.stream_output, f"{place}: stream_output")
    prompt = config.alert_system_prompt.strip()
    return {
        "port": config.api_server_port,
        "alert_metrics_port": config.prometheus_port,
        "ws_port": config.websocket_server_port,
        "preview_port": port,
        "max_alerts": config.max_alerts,
        "alert_cooldown_s": config.alert_cooldown,
        "alert_prompt": f"{prompt}\n{{question}}" if prompt not in ("", SYSTEM_PROMPT) else "",
        "stream_frames": config.multi_frame_input,
        "stream_span_s": config.multi_frame_input_time / 1000,
        "log_level": config.log_level,
    }


def _port_of(stream_output: str, place: str) -> int:
    """The port alone: which address is listened on, LOOKOUT_HOST says."""
    try:
        parts = urlsplit(stream_output)
        if parts.scheme == "rtsp" and parts.port and parts.path == "/out":
            return parts.port
    except ValueError:
        pass
    raise BadSettings(f"{place}: write rtsp://0.0.0.0:5011/out")


def _of_chat_server(config: ChatServerConfig) -> dict[str, object]:
    found: dict[str, object] = {
        "stats_port": config.prometheus_port,
        "log_level": config.log_level,
    }
    return found | ({"model": config.model} if config.model else {})


def _read(file: str, variable: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(Path(file).read_bytes(), type=kind)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        key = f"{path.rstrip('`')}: " if path else ""
        raise BadSettings(f"{variable}: {file}: {key}{reason[:1].lower()}{reason[1:]}") from error
    except (OSError, msgspec.DecodeError) as error:
        raise BadSettings(f"{variable}: {file}: {error}") from error

"""The ancestor's settings files mean here what they meant there."""

import json
from pathlib import Path

import pytest

from api.settings import ApiSettings
from bus.ancestor import SYSTEM_PROMPT, ChatServerConfig, MainConfig
from bus.errors import BadSettings
from bus.settings import read
from inference.settings import InferenceSettings
from preview.settings import PreviewSettings

MAIN = {
    "api_server_port": 9100,
    "prometheus_port": 5112,
    "websocket_server_port": 5116,
    "stream_output": "rtsp://0.0.0.0:5111/out",
    "chat_server": "http://0.0.0.0:5015",
    "alert_system_prompt": "Answer yes or no.",
    "max_alerts": 5,
    "alert_cooldown": 30,
    "multi_frame_input": 4,
    "multi_frame_input_time": 1500,
    "log_level": "WARNING",
}
CHAT_SERVER = {
    "api_server_port": 5015,
    "prometheus_port": 5117,
    "model": "echo:",
    "log_level": "INFO",
    "print_stats": True,
}


def files(folder: Path, main: object, chat_server: object) -> dict[str, str]:
    (folder / "main.json").write_text(json.dumps(main))
    (folder / "chat.json").write_text(json.dumps(chat_server))
    return {
        "MAIN_CONFIG_PATH": str(folder / "main.json"),
        "CHAT_SERVER_CONFIG_PATH": str(folder / "chat.json"),
    }


def test_every_key_of_both_files_has_its_meaning(tmp_path: Path) -> None:
    env = files(tmp_path, MAIN, CHAT_SERVER)
    api = read(ApiSettings, env)
    assert (api.port, api.ws_port) == (9100, 5116)
    assert (api.alert_metrics_port, api.stats_port) == (5112, 5117)
    assert (api.max_alerts, api.alert_cooldown_s) == (5, 30.0)
    assert api.alert_prompt == "Answer yes or no.\n{question}"
    assert (api.stream_frames, api.stream_span_s) == (4, 1.5)
    assert api.log_level == "WARNING"
    assert read(PreviewSettings, env).preview_port == 5111
    assert read(InferenceSettings, env).model == "echo:"
    assert set(MAIN) == set(MainConfig.__struct_fields__)
    assert set(CHAT_SERVER) == set(ChatServerConfig.__struct_fields__)


def test_a_missing_key_has_the_ancestors_default(tmp_path: Path) -> None:
    api = read(ApiSettings, files(tmp_path, {}, {}))
    assert (api.port, api.ws_port) == (9000, 5016)
    assert (api.alert_metrics_port, api.stats_port) == (5012, 5017)
    assert (api.max_alerts, api.alert_cooldown_s, api.alert_prompt) == (10, 60.0, "")
    assert (api.stream_frames, api.stream_span_s, api.log_level) == (2, 0.0, "INFO")


def test_the_ancestors_own_prompt_needs_no_repeating(tmp_path: Path) -> None:
    env = files(tmp_path, {"alert_system_prompt": SYSTEM_PROMPT}, {})
    assert read(ApiSettings, env).alert_prompt == ""


def test_our_own_settings_go_before_the_ancestors(tmp_path: Path) -> None:
    own = tmp_path / "lookout.toml"
    own.write_text("max_alerts = 7\nport = 9300")
    env = files(tmp_path, MAIN, CHAT_SERVER)
    env |= {"LOOKOUT_PORT": "9200", "LOOKOUT_SETTINGS": str(own)}
    api = read(ApiSettings, env)
    assert (api.port, api.max_alerts, api.alert_cooldown_s) == (9200, 7, 30.0)


@pytest.mark.parametrize(
    ("main", "chat_server", "named"),
    [
        ({"max_alert": 5}, {}, "MAIN_CONFIG_PATH: .*max_alert"),
        ({"max_alerts": "five"}, {}, "MAIN_CONFIG_PATH: .*max_alerts: expected"),
        ({"prometheus_port": 99999}, {}, "MAIN_CONFIG_PATH: .*prometheus_port"),
        ({"stream_output": "rtsp://0.0.0.0:5011/other"}, {}, "MAIN_CONFIG_PATH: .*stream_output"),
        ({"stream_output": "rtsp://0.0.0.0:port/out"}, {}, "MAIN_CONFIG_PATH: .*stream_output"),
        ([], {}, "MAIN_CONFIG_PATH: "),
        ({}, {"print_stats": "yes"}, "CHAT_SERVER_CONFIG_PATH: .*print_stats"),
        ({}, {"models": "x"}, "CHAT_SERVER_CONFIG_PATH: .*models"),
    ],
)
def test_a_wrong_key_is_named(
    tmp_path: Path, main: object, chat_server: object, named: str
) -> None:
    with pytest.raises(BadSettings, match=named):
        read(ApiSettings, files(tmp_path, main, chat_server))


@pytest.mark.parametrize("text", ["", "{", "\x00"])
def test_a_file_that_is_no_json_is_named(tmp_path: Path, text: str) -> None:
    env = files(tmp_path, {}, {})
    Path(env["MAIN_CONFIG_PATH"]).write_text(text)
    with pytest.raises(BadSettings, match="MAIN_CONFIG_PATH: "):
        read(ApiSettings, env)
    with pytest.raises(BadSettings, match="No such file"):
        read(ApiSettings, {**env, "MAIN_CONFIG_PATH": str(tmp_path / "none")})

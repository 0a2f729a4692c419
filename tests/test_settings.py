"""The page of settings names every setting there is, with its default."""

import re
from pathlib import Path

import msgspec
import pytest

from bus.errors import BadSettings
from bus.settings import BusSettings, read, variable
from capture.settings import CaptureSettings
from compose import settings_file
from inference.engines.echo import EchoQuery
from inference.ov.settings import Query
from inference.upstream.endpoint import KEY_ENV

KINDS = (BusSettings, *settings_file.KINDS)
PAGE = (Path(__file__).parents[1] / "docs" / "settings.md").read_text()
ROWS = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", PAGE, re.MULTILINE))


def fields() -> dict[str, object]:
    return {
        variable(field.name): field.default
        for kind in KINDS
        for field in msgspec.structs.fields(kind)
    }


def test_every_setting_is_on_the_page_and_no_other() -> None:
    assert set(ROWS) == {*fields(), KEY_ENV}


def test_the_defaults_on_the_page_are_true() -> None:
    told_in_words = ("REDIS_URL", "LOOKOUT_MODEL")
    for name, default in fields().items():
        if isinstance(default, int | float | str) and default and name not in told_in_words:
            text = f"{default:g}" if isinstance(default, float) else str(default)
            assert f"`{text}`" in ROWS[name], name


def test_every_part_of_an_engine_url_is_on_the_page() -> None:
    for kind in (EchoQuery, Query):
        for field in msgspec.structs.fields(kind):
            assert f"`{field.name}`" in PAGE


FILE = """
camera_fps = 10
frames_tcp = "tcp://10.0.0.7:5600"
[cameras]
yard = "demo:?size=320x180"
[cameras.gate]
url = "pipe:cat /videos/gate.mjpeg"
name = "The gate"
fps = 2.5
"""


def written(folder: Path, text: str) -> dict[str, str]:
    file = folder / "lookout.toml"
    file.write_text(text)
    return {"LOOKOUT_SETTINGS": str(file)}


def test_settings_and_cameras_may_stand_in_a_file(tmp_path: Path) -> None:
    settings = read(CaptureSettings, written(tmp_path, FILE))
    yard, gate = settings.specs()
    assert (settings.camera_fps, settings.frames_tcp) == (10, "tcp://10.0.0.7:5600")
    assert (yard.id, yard.url, yard.explicit, yard.setting) == (
        *("yard", "demo:?size=320x180"),
        *(True, True),
    )
    assert (gate.url, gate.name, gate.fps) == ("pipe:cat /videos/gate.mjpeg", "The gate", 2.5)


def test_the_environment_is_stronger_than_the_file(tmp_path: Path) -> None:
    env = {**written(tmp_path, FILE), "LOOKOUT_CAMERA_FPS": "3", "LOOKOUT_CAMERAS": "a=demo:"}
    settings = read(CaptureSettings, env)
    assert settings.camera_fps == 3
    assert [spec.id for spec in settings.specs()] == ["a"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("camera_fps = 'many'", "lookout.toml: camera_fps: "),
        ("camera_fps = 1000", "lookout.toml: camera_fps: "),
        ("[cameras.gate]\nurl = 'demo:'\ncolour = 'red'", "colour"),
        ("[cameras]\n'a b' = 'demo:'", "cameras.a b: camera id"),
        ("[cameras]\ngate = 'rtsp://u:secret@'", "cameras.gate: its URL names no host"),
        ("cameras = 7", "lookout.toml: cameras"),
        ("not toml", "lookout.toml"),
    ],
)
def test_what_does_not_fit_in_the_file_is_named(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(BadSettings) as raised:
        read(CaptureSettings, written(tmp_path, text))
    assert reason in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"no-such-file\.toml"):
        read(CaptureSettings, {"LOOKOUT_SETTINGS": str(tmp_path / "no-such-file.toml")})


def test_a_key_that_no_process_knows_is_named_with_what_was_meant(tmp_path: Path) -> None:
    file = written(tmp_path, "camera_fsp = 10")["LOOKOUT_SETTINGS"]
    with pytest.raises(BadSettings, match=r"camera_fsp.*do you mean camera_fps"):
        settings_file.check_keys(file)

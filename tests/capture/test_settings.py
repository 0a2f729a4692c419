"""Wrong settings are told by name, without the passwords in them."""

import pytest

from bus.errors import BadSettings
from bus.settings import read
from capture.settings import CaptureSettings
from capture.source import Terms


def settings(**env: str) -> CaptureSettings:
    return read(CaptureSettings, {f"LOOKOUT_{name}": value for name, value in env.items()})


def test_cameras_are_written_as_id_and_url() -> None:
    specs = settings(CAMERAS="front=rtsp://u:p@10.0.0.5/s?a=1 yard=demo:").specs()
    assert [(spec.id, spec.url) for spec in specs] == [
        ("front", "rtsp://u:p@10.0.0.5/s?a=1"),
        ("yard", "demo:"),
    ]
    assert all(spec.explicit and spec.setting for spec in specs)


def test_terms_can_be_set_and_a_camera_may_have_its_own_pace() -> None:
    mine = settings(CAMERA_OPEN_S="2.5", CAMERA_STALL_S="4", CAMERA_FPS="10")
    assert mine.terms() == Terms(2.5, 4, 10)
    assert mine.terms(fps=5) == Terms(2.5, 4, 5)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("CAMERAS", "rtsp://10.0.0.5/s", "write id=url"),
        ("CAMERAS", "front=rtps://u:secret@10.0.0.5/s", "unknown kind of camera 'rtps'"),
        ("CAMERAS", "front=10.0.0.5", "unknown kind of camera ''"),
        ("CAMERAS", "front=rtsp:///s", "names no host"),
        ("CAMERAS", "front=rtsp://u:secret@[::1/s", "address cannot be read"),
        ("CAMERAS", "front=rtsp://u:sec/ret@10.0.0.5/s", "write %2F for /"),
        ("CAMERAS", "front=rtsp://u:p@ss:secret@10.0.0.5:x/s", "address cannot be read"),
        ("CAMERAS", "front/2=demo:", "use 1 to 64 letters"),
        ("CAMERAS", "yard=demo: yard=demo:", "yard is there twice"),
        ("CAMERA_FPS", "0.1", ">= 1"),
        ("CAMERA_OPEN_S", "soon", "float"),
        ("FRAMES_TCP", "5600", "write tcp://address:port"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str, complaint: str) -> None:
    with pytest.raises(BadSettings) as error:
        settings(**{name: value})
    assert str(error.value).startswith(f"LOOKOUT_{name}: ")
    assert complaint in str(error.value)
    assert "secret" not in str(error.value)
    assert "sec/ret" not in str(error.value)

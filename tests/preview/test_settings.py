"""Settings that do not fit are refused with one line that names the variable."""

import pytest

from bus.errors import BadSettings
from bus.settings import read
from preview.settings import PreviewSettings, parse_size


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PREVIEW_SIZE", "1280"),
        ("PREVIEW_SIZE", "1281x720"),
        ("PREVIEW_SIZE", "100x100"),
        ("PREVIEW_SIZE", "9000x9000"),
        ("PREVIEW_FPS", "0"),
        ("PREVIEW_KBPS", "5"),
        ("PREVIEW_PORT", "70000"),
        ("PREVIEW_CLIENTS", "0"),
        ("PREVIEW_FADE_S", "-1"),
        ("PREVIEW_USER", "ann"),
        ("PREVIEW_PUSH_URL", "http://host/x"),
        ("PREVIEW_PUSH_URL", "rtsp://"),
        ("PREVIEW_PUSH_URL", "rtsp://host:x/{camera}"),
        ("PREVIEW_PUSH_URL", "rtsp://[host/{camera}"),
        ("PREVIEW_PUSH_URL", "rtsp://host/a b"),
    ],
)
def test_what_does_not_fit_is_named(variable: str, value: str) -> None:
    with pytest.raises(BadSettings, match=f"LOOKOUT_{variable}"):
        read(PreviewSettings, {f"LOOKOUT_{variable}": value})


def test_what_fits_is_taken() -> None:
    settings = read(
        PreviewSettings,
        {
            "LOOKOUT_PREVIEW_SIZE": "640x360",
            "LOOKOUT_PREVIEW_USER": "ann",
            "LOOKOUT_PREVIEW_PASSWORD": "secret",
            "LOOKOUT_PREVIEW_PUSH_URL": "rtsp://u:p@mediamtx:8554/{camera}",
        },
    )
    assert parse_size(settings.preview_size) == (640, 360)
    assert settings.login == ("ann", "secret")

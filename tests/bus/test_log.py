"""No password in a URL gets into a log line, an error or a status."""

import pytest

from bus.log import mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("rtsp://admin:secret@10.0.0.5:554/s", "rtsp://***@10.0.0.5:554/s"),
        ("rtsp://admin:sec@ret@10.0.0.5/s", "rtsp://***@10.0.0.5/s"),
        ("rtsp://admin:sec/ret@10.0.0.5/s", "rtsp://***@10.0.0.5/s"),
        ("http://cam/v.mjpg?usr=a&pwd=secret&x=1", "http://cam/v.mjpg?usr=a&pwd=***&x=1"),
        ("rtsp://cam/user=a&password=secret&channel=1", "rtsp://cam/user=a&password=***&channel=1"),
        ("a=rtsp://one/ b=rtsp://u:secret@two/", "a=rtsp://one/ b=rtsp://***@two/"),
        ("rtsp://***@10.0.0.5/s", "rtsp://***@10.0.0.5/s"),
        ("'http://one/', mail a@b", "'http://one/', mail a@b"),
        ("http://one/?monkey=3", "http://one/?monkey=3"),
    ],
)
def test_passwords_are_masked_and_nothing_else(text: str, masked: str) -> None:
    assert mask(text) == masked

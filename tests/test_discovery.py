"""Cameras that announce themselves on the network, and answers that are none."""

import socket
from threading import Thread

import hypothesis.strategies as st
import pytest
from hypothesis import given

from compose.onvif import Found, find, parse

ANSWER = """<?xml version="1.0" encoding="UTF-8"?>
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Body><d:ProbeMatches><d:ProbeMatch>
<d:Types>dn:NetworkVideoTransmitter</d:Types>
<d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Front%20door
 onvif://www.onvif.org/hardware/IPC-7</d:Scopes>
<d:XAddrs>{address}</d:XAddrs></d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"""
SERVICE = "http://192.168.1.20/onvif/device_service http://[fe80::1]/onvif/device_service"


def test_a_camera_that_answers_is_found_once_with_its_name() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
        camera.bind(("127.0.0.1", 0))
        camera.settimeout(10)

        def answer() -> None:
            asked, asker = camera.recvfrom(65536)
            assert b"Probe" in asked
            for data in (b"", b"nonsense", ANSWER.format(address=SERVICE).encode()) * 2:
                camera.sendto(data, asker)

        thread = Thread(target=answer)
        thread.start()
        found = list(find(1.0, camera.getsockname()))
        thread.join()
    assert found == [Found("192.168.1.20", "Front door IPC-7")]


def test_the_address_it_answers_from_is_preferred() -> None:
    data = ANSWER.format(address=SERVICE.replace("192.168.1.20", "10.0.0.9 http://10.0.0.8"))
    assert parse(data.encode(), "10.0.0.8") == Found("10.0.0.8", "Front door IPC-7")
    assert parse(ANSWER.format(address="").encode(), "10.0.0.8") == Found(
        "10.0.0.8", "Front door IPC-7"
    )


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_else_comes_is_no_camera(data: bytes) -> None:
    assert parse(data, "10.0.0.8") is None


@pytest.mark.parametrize("address", ["http://[", "::", "http://host:x/"])
def test_an_address_that_cannot_be_read_is_passed_over(address: str) -> None:
    found = parse(ANSWER.format(address=address).encode(), "10.0.0.8")
    assert found
    assert found.host in ("10.0.0.8", "host")

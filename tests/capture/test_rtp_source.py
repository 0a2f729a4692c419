"""Video that is sent to us: seen when it comes, said plainly when it does not."""

import asyncio
import socket
from pathlib import Path

import pytest

from bus.errors import CameraError
from capture.sdp import Stream, parse_sdp, sdp_of
from capture.source import Terms
from capture.sources.rtp import stream_of
from tests.capture.reading import Reading, read
from tests.conftest import Run
from tests.pictures import number_in
from tests.rtp_sender import sending, sending_as

TERMS = Terms(open_s=2.0, stall_s=1.0)


def free_port() -> int:
    """With its neighbour, which is RTCP's."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            if port % 2 == 0:
                return port


async def reading(url: str, most: int = 1000) -> Reading:
    return await asyncio.to_thread(read, url, most, TERMS)


def numbers(got: Reading) -> list[int]:
    return [number_in(one.pixels) for one in got.seen]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_pictures_are_seen_at_once_and_in_order(run: Run, codec: str) -> None:
    async def scenario() -> None:
        port = free_port()
        async with sending(port, "hevc" if codec == "h265" else codec) as sender:
            got = await reading(f"rtp://0.0.0.0:{port}?codec={codec}", 20)
            assert sender.sent - numbers(got)[-1] <= 3
        assert numbers(got) == list(range(numbers(got)[0], numbers(got)[0] + 20))
        assert (got.codec, got.live, got.error) == ("hevc" if codec == "h265" else codec, True, "")

    run(scenario())


@pytest.mark.parametrize(
    ("format_name", "encoder", "query", "codec"),
    [
        ("rtp", "mjpeg", "codec=mjpeg", "mjpeg"),
        ("rtp", "libvpx", "codec=vp8", "vp8"),
        ("rtp", "libvpx-vp9", "codec=vp9&payload=96", "vp9"),
        ("rtp_mpegts", "libx264", "codec=mpegts", "h264"),
    ],
)
def test_other_codecs_are_read_too(format_name: str, encoder: str, query: str, codec: str) -> None:
    port = free_port()
    with sending_as(format_name, encoder, port):
        got = read(f"rtp://127.0.0.1:{port}?{query}", 10, TERMS)
    assert (got.codec, got.error) == (codec, "")
    assert numbers(got) == sorted(set(numbers(got)))


def test_an_sdp_file_says_what_comes(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        port = free_port()
        path = tmp_path / "the camera.sdp"
        path.write_text(
            "v=0\no=- 0 0 IN IP4 10.0.0.9\ns=x\nc=IN IP4 10.0.0.9\nt=0 0\n"
            f"m=audio {port + 2} RTP/AVP 0\nm=video {port} RTP/AVP 96\n"
            "a=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=1\n"
        )
        async with sending(port):
            got = await reading(path.as_uri().replace("file:", "rtp:"), 5)
        assert len(numbers(got)) == 5

    run(scenario())


def test_a_sender_that_starts_again_is_seen_again(run: Run) -> None:
    async def scenario() -> None:
        port = free_port()
        url = f"rtp://0.0.0.0:{port}"
        async with sending(port) as sender:
            asyncio.get_running_loop().call_later(1.5, setattr, sender, "silent", True)
            got = await reading(url)
            assert (len(got.seen) > 3, got.error) == (True, "gave no frame for 1 s")
            sender.restart()
            sender.silent = False
            asyncio.get_running_loop().call_later(0.5, sender.restart)  # without a pause
            again = await reading(url, 25)
        assert len(again.seen) == 25
        assert numbers(again) == sorted(numbers(again))

    run(scenario())


def test_silence_on_the_port_is_said_so() -> None:
    port = free_port()
    got = read(f"rtp://0.0.0.0:{port}", 1, Terms(open_s=1.0))
    assert got.error == (
        f"no packets on port {port} within 1 s: is the camera sending to this machine, "
        "as payload type 96?"
    )
    assert got.took_s < 3


def test_a_port_that_is_in_use_is_said_so() -> None:
    port = free_port()
    for taken in (port, port + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("0.0.0.0", taken))
            got = read(f"rtp://0.0.0.0:{port}", 1, TERMS)
            assert got.error == f"port {taken} is in use by another program or camera"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("rtp://0.0.0.0", "without a port: write rtp://0.0.0.0:5004?codec=h264"),
        ("rtp://camera.local:5004", "camera.local is not an address of numbers"),
        ("rtp://192.0.2.7:5004", "192.0.2.7 is not an address of this machine"),
        ("rtp://0.0.0.0:5004?codec=av2", "codec: choose one of h264, h265"),
        ("rtp://0.0.0.0:5004?payload=200", "payload: use a number from 0 to 127"),
        ("rtp:///nowhere.sdp", "no such file or directory"),
        ("rtp:///dev/zero", "not a regular file"),
        ("rtp:///etc/passwd", "the file describes no video"),
    ],
)
def test_what_cannot_be_is_said_so(url: str, reason: str) -> None:
    assert reason in read(url, 1, TERMS).error


def test_the_url_says_what_comes() -> None:
    assert stream_of("rtp://0.0.0.0:5004") == Stream(5004, "H264", 96)
    assert stream_of("rtp://0.0.0.0:5004?codec=mpegts") == Stream(5004, "MP2T", 33)
    odd = "rtp://239.1.2.3:6000?codec=vp9&payload=98&clock=48000"
    assert stream_of(odd) == Stream(6000, "VP9", 98, "239.1.2.3", 48000)


VIDEO = "v=0\nm=video 5004 RTP/AVP 97\na=rtpmap:97 H264/90000\n"


def test_an_sdp_is_written_anew_with_nothing_but_its_video() -> None:
    text = (
        VIDEO.replace("m=", "c=IN IP4 239.9.9.9/32\na=tool:x\nm=") + "a=fmtp:97 x=1\na=control:y\n"
    )
    stream = parse_sdp(text + "m=video 6000 RTP/AVP 98\na=rtpmap:98 VP8/90000\n")
    assert stream == Stream(5004, "H264", 97, "239.9.9.9", 90000, "x=1")
    assert parse_sdp(sdp_of(stream).replace("\r\n", "\n")) == stream
    assert sdp_of(stream).count("m=") == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=0\nm=audio 5004 RTP/AVP 0\n",
        VIDEO.replace("RTP/AVP", "RTP/SAVP"),
        VIDEO.replace("RTP/AVP", "udp"),
        VIDEO.replace("H264", "theora"),
        VIDEO.replace("a=rtpmap:97", "a=rtpmap:98"),
        VIDEO.replace("5004", "0"),
        VIDEO.replace("5004", "99999"),
    ],
)
def test_an_sdp_that_we_cannot_use_is_refused(text: str) -> None:
    with pytest.raises(CameraError):
        parse_sdp(text)

"""
Video that is just sent to us: `rtp://0.0.0.0:5004?codec=h264`, `rtp:///videos/camera.sdp`.

`codec` is `h264`, `h265`, `mjpeg`, `mpegts`, `vp8` or `vp9`; `payload` the number the sender
gives it (96, or what is usual), `clock` its rate (90000). The host is an address of this
machine, or a multicast group: `rtp://239.1.2.3:5004`. The next port is RTCP's. Who sends is
not checked: whatever comes to the port is shown.
"""

import errno
import ipaddress
import os
import socket
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from time import monotonic
from urllib.parse import unquote, urlsplit

import av
from av.container import InputContainer

from bus.errors import CameraError
from capture.hwaccel import Decoder
from capture.live import Live, Manner
from capture.query import Asked
from capture.reasons import opening, reading
from capture.sdp import CLOCK, CODECS, PAYLOADS, Stream, parse_sdp, sdp_of
from capture.source import Shot, Source, Terms, Watched
from capture.sources.rtsp import HELD_BACK, TRANSPORTS
from capture.video import codec_of

WRITE = "write rtp://0.0.0.0:5004?codec=h264, or rtp:///videos/camera.sdp"
LARGEST = 64 << 10  # bytes of an SDP
OPTIONS = {"protocol_whitelist": "rtp,udp", "allowed_media_types": "video", **TRANSPORTS["udp"]}
AT_ONCE = {"analyzeduration": "0", "probesize": "32"}
INSIDE = {"analyzeduration": "1000000", "fpsprobesize": "0"}  # MPEG-TS says later what it has


def stream_of(url: str) -> Stream:
    """Raise `CameraError` for what cannot be."""
    parts = urlsplit(url)
    if not parts.netloc:
        return parse_sdp(read_sdp(unquote(parts.path)))
    asked = Asked(parts.query, ("codec", "payload", "clock"))
    codec = asked.choice("codec", CODECS, "h264")
    try:
        address = str(ipaddress.ip_address(parts.hostname or ""))
    except ValueError as error:
        raise CameraError(f"{parts.hostname} is not an address of numbers: {WRITE}") from error
    if not parts.port or parts.port == 65535:
        raise CameraError(f"without a port: {WRITE}")
    payload = int(asked.number("payload", PAYLOADS.get(codec, 96), 0, 127))
    clock = int(asked.number("clock", CLOCK, 1, 1_000_000))
    return Stream(parts.port, codec, payload, address, clock)


def read_sdp(path: str) -> str:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise CameraError("not a regular file")
        with Path(path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise CameraError((error.strerror or "it cannot be read").lower()) from error
    if len(data) > LARGEST:
        raise CameraError("the file is too large for an SDP")
    return data.decode("latin-1").replace("\r\n", "\n")


def check_ports(stream: Stream) -> None:
    """FFmpeg does not say why it cannot listen."""
    if stream.is_multicast:  # which several may listen to
        return
    family = socket.AF_INET6 if ":" in stream.address else socket.AF_INET
    for port in (stream.port, stream.port + 1):
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            try:
                udp.bind((stream.address, port))
            except OSError as error:
                raise CameraError(_why_not(error, stream.address, port)) from error


def _why_not(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program or camera"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address} is not an address of this machine: 0.0.0.0 is all of them"
    return f"port {port}: {(error.strerror or 'no connection').lower()}"


class RtpCamera:
    live = True

    def __init__(self, container: InputContainer, terms: Terms) -> None:
        video = container.streams.video[0]
        self.codec, self._stall_s = codec_of(video), terms.stall_s
        decoder = Decoder(video, terms.hwaccel, at_once=True)
        manner = Manner(terms.stall_s, self.codec in HELD_BACK, lossy=True)
        self._live = Live(container, video, decoder, manner)

    def frames(self, watched: Watched) -> Iterator[Shot]:
        with reading(self._stall_s):
            yield from self._live.shots(watched)


@contextmanager
def open(url: str, terms: Terms) -> Generator[Source]:
    stream = stream_of(url)
    check_ports(stream)
    options = {**OPTIONS, **(INSIDE if stream.codec == "MP2T" else AT_ONCE)}
    if not stream.is_multicast and stream.address != "0.0.0.0":
        options["localaddr"] = stream.address
    start, sdp = monotonic(), BytesIO(sdp_of(stream).encode())
    limits = terms.open_s, terms.stall_s
    with opening("", terms.open_s):
        container = av.open(sdp, "r", format="sdp", options=options, timeout=limits)
    with container:
        # FFmpeg, having waited in vain, is content with what the SDP says.
        if monotonic() - start >= terms.open_s * 0.98:
            raise CameraError(
                f"no packets on port {stream.port} within {terms.open_s:g} s: is the camera "
                f"sending to this machine, as payload type {stream.payload}?"
            )
        if not container.streams.video:
            raise CameraError("there is no video in it")
        yield RtpCamera(container, terms)

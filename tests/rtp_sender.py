"""A camera that sends numbered pictures to a UDP port, whether anybody listens or not."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from fractions import Fraction
from threading import Event, Thread
from time import monotonic

import av

from bus.tasks import background
from tests.pictures import numbered
from tests.rtsp_server import CLOCK, Encoder, Film, rtp_packets

FPS = 15
SIZE = 320, 240
AT_ONCE = {
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libx264": {"preset": "ultrafast", "tune": "zerolatency"},
    "mjpeg": {"huffman": "default"},  # RTP knows no other
}


class RtpSender:
    """What tests see and turn: use `sending`."""

    def __init__(self, port: int, codec: str, host: str) -> None:
        self.sent = 0  # the number in the newest picture
        self.silent = False
        self._film, self._to = Film(SIZE, FPS, codec), (host, port)
        self.restart()

    def restart(self) -> None:
        """Go on as another sender, which numbers its packets anew."""
        self._source, self._sequence = self.sent + 1000, self.sent * 77
        self._encoder = Encoder(self._film)
        self._shift = self.sent * 12_345  # of its clock

    async def run(self, udp: socket.socket) -> None:
        start = monotonic()
        while True:
            await asyncio.sleep(start + self.sent / FPS - monotonic())
            self.sent += 1
            if not self.silent:
                self._send(udp)

    def _send(self, udp: socket.socket) -> None:
        data = self._encoder.encode(numbered(self.sent, *SIZE), False)
        stamp = int(monotonic() * CLOCK) + self._shift
        source = self._source.to_bytes(4, "big")
        for packet in rtp_packets(data, self._film.codec, stamp, self._sequence):
            self._sequence += 1
            udp.sendto(packet[:8] + source + packet[12:], self._to)


@asynccontextmanager
async def sending(
    port: int, codec: str = "h264", host: str = "127.0.0.1"
) -> AsyncGenerator[RtpSender]:
    sender = RtpSender(port, codec, host)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        async with background(sender.run(udp)):
            yield sender


@contextmanager
def sending_as(format_name: str, encoder: str, port: int) -> Generator[None]:
    """What FFmpeg sends: *format_name* is `rtp` or `rtp_mpegts`."""
    stop = Event()
    thread = Thread(target=_send_until, args=(stop, format_name, encoder, port))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _send_until(stop: Event, format_name: str, encoder: str, port: int) -> None:
    url = f"rtp://127.0.0.1:{port}?pkt_size=1316"
    with av.open(url, "w", format=format_name, options={"strict": "experimental"}) as out:
        video = out.add_stream(encoder, rate=FPS)
        assert isinstance(video, av.VideoStream)
        video.width, video.height = SIZE
        video.pix_fmt = "yuvj420p" if encoder == "mjpeg" else "yuv420p"
        video.codec_context.gop_size, video.codec_context.thread_count = FPS, 1
        video.codec_context.options = AT_ONCE[encoder]
        start, number = monotonic(), 0
        while not stop.wait(max(0.0, start + number / FPS - monotonic())):
            number += 1
            frame = av.VideoFrame.from_ndarray(numbered(number, *SIZE), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(frame))

"""
RTSP cameras: `rtsp://10.0.0.5/stream1`, `rtsps://…`, and by UDP with `?transport=udp`.

FFmpeg gives a frame of H.264 when the next one begins; `captured_at` is when its own
first packet came. Whoever asks for TCP loses nothing and waits for what is sent again;
by UDP frames come sooner over a bad link, and some do not come at all.
"""

import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from av.container import InputContainer
from av.video.stream import VideoStream

from bus.errors import CameraError
from bus.log import mask
from capture.hwaccel import Decoder
from capture.live import Live, Manner
from capture.reasons import reading
from capture.source import Shot, Source, Terms, Watched
from capture.video import codec_of, open_video

log = logging.getLogger(__name__)

# Without `nobuffer`: it throws the first key frame away, and the next may take ten seconds.
RTSP = {
    "format_whitelist": "rtsp",
    "allowed_media_types": "video",
    "analyzeduration": "0",
    "probesize": "32",
}
TRANSPORTS: dict[str, dict[str, str]] = {
    "tcp": {},
    "udp": {
        "max_delay": "200000",  # microseconds to wait for what may have been overtaken
        "buffer_size": str(2 << 20),  # a key frame of 4K comes all at once
    },
}
HELD_BACK = ("h264", "hevc", "mpeg4", "h263", "mpeg2video")  # without the end of a frame in RTP


def transport_of(url: str) -> tuple[str, str]:
    """*url* without our parameter, everything else as it was written, and `tcp` or `udp`."""
    address, mark, query = url.partition("?")
    parts = query.split("&")
    ours = [part for part in parts if part.startswith("transport=")]
    transport = ours[-1].removeprefix("transport=") if ours else "tcp"
    if transport not in TRANSPORTS:
        raise CameraError("write transport=tcp or transport=udp")
    rest = "&".join(part for part in parts if part not in ours)
    return address + (mark if rest or not ours else "") + rest, transport


class Camera:
    live = True

    def __init__(
        self, container: InputContainer, video: VideoStream, decoder: Decoder, manner: Manner
    ) -> None:
        self.codec = codec_of(video)
        self._live, self._stall_s = Live(container, video, decoder, manner), manner.stall_s

    def frames(self, watched: Watched) -> Iterator[Shot]:
        with reading(self._stall_s):
            yield from self._live.shots(watched)


@contextmanager
def open(url: str, terms: Terms) -> Generator[Source]:
    address, transport = transport_of(url)
    options = {**RTSP, **TRANSPORTS[transport], "rtsp_transport": transport}
    with open_video(address, terms, options) as (container, video):
        decoder = Decoder(video, terms.hwaccel, at_once=True)
        codec = codec_of(video)
        log.info("video opened url=%s codec=%s decoder=%s", mask(url), codec, decoder.name)
        manner = Manner(terms.stall_s, codec in HELD_BACK, transport == "udp")
        yield Camera(container, video, decoder, manner)

"""
Cameras on the network: RTSP, and video or MJPEG over HTTP.

What arrives is decoded at once, for a reader that pauses gets older and older pictures.
`captured_at` is the moment of decoding, and FFmpeg gives an H.264 frame when the next one
begins: the truth is one frame interval earlier. What has a length or a size is a recording,
played at its own speed.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from time import monotonic
from urllib.parse import urlsplit

from av import Packet
from av.codec.context import Flags
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from bus.errors import CameraError
from capture.reasons import reading
from capture.source import Shot, Source, Terms, Watched
from capture.video import FORMATS, FPS, Converter, decode, frames_of, is_picture, open_video, paced

# Without `nobuffer`: it throws the first key frame away, and the next may take ten seconds.
RTSP = {
    "format_whitelist": "rtsp",
    "rtsp_transport": "tcp",
    "allowed_media_types": "video",
    "analyzeduration": "0",
    "probesize": "32",
}
HTTP = {"format_whitelist": f"hls,mpjpeg,image2,{FORMATS}", "analyzeduration": "500000"}
BEHIND_S = 1.0  # later than this, pictures are skipped
SKIP_S = 0.5  # meanwhile one in so many seconds is shown
AT_ONCE_S = 0.01  # a packet that took longer was not waiting for us


class Lag:
    """
    How far a reader is behind its camera.

    A packet that had to be waited for is as new as can be. From then on the camera's
    clock and ours should advance alike; reading at leisure, only ours does.
    """

    def __init__(self) -> None:
        self._newest: float | None = None

    def after(self, waited_s: float, media_s: float | None, now_s: float) -> float:
        """Seconds behind, having got the packet of *media_s* after a wait."""
        if media_s is None:
            return 0.0
        if self._newest is None or waited_s > AT_ONCE_S:
            self._newest = media_s - now_s
        return self._newest - (media_s - now_s)


class NetworkCamera:
    def __init__(
        self, container: InputContainer, video: VideoStream, terms: Terms, live: bool
    ) -> None:
        self._container, self._video, self._terms = container, video, terms
        self.live, self.codec = live, video.codec_context.name

    def frames(self, watched: Watched) -> Iterator[Shot]:
        with reading(self._terms.stall_s):
            if self.live and self._container.format.name != "hls":  # which comes in pieces
                yield from self._newest()
            else:
                fps = float(self._video.average_rate or FPS)
                yield from paced(frames_of(self._container, self._video), fps)

    def _newest(self) -> Iterator[Shot]:
        converter, shown = Converter(), monotonic()
        for packet in self._worth_decoding():
            for frame in decode(packet):
                yield converter.shot(frame)
                shown = monotonic()
            self._check(shown)

    def _worth_decoding(self) -> Iterator["Packet[Stream]"]:
        """Every packet while we keep up; when we do not, a key frame now and then until we do."""
        lag, skipping, decoded = Lag(), False, monotonic()
        for packet, waited_s in self._packets():
            now = monotonic()
            behind = lag.after(waited_s, _media_s(packet), now) > BEHIND_S
            skipping = behind or (skipping and not packet.is_keyframe)
            if not skipping or (packet.is_keyframe and now - decoded > SKIP_S):
                decoded = now
                yield packet

    def _packets(self) -> Iterator[tuple["Packet[Stream]", float]]:
        """Packets of the video, and how long each was waited for."""
        asked = heard = monotonic()
        for packet in self._container.demux():
            self._check(heard)  # FFmpeg, giving up, lets go of an old frame before it says so
            if packet.stream.index == self._video.index:
                yield packet, monotonic() - asked
                heard = monotonic()
            asked = monotonic()

    def _check(self, since: float) -> None:
        if monotonic() - since > self._terms.stall_s:
            raise CameraError(f"gave no frame for {self._terms.stall_s:g} s")


def _media_s(packet: "Packet[Stream]") -> float | None:
    stamp = packet.pts if packet.dts is None else packet.dts
    return None if stamp is None else float(stamp * packet.time_base)


def is_endless(container: InputContainer) -> bool:
    """Whether neither its length nor its size is known; those of HLS are of its play list."""
    if container.duration is not None:
        return False
    return container.format.name == "hls" or container.size <= 0


@contextmanager
def open(url: str, terms: Terms) -> Generator[Source]:
    rtsp = urlsplit(url).scheme in ("rtsp", "rtsps")
    with open_video(url, terms, RTSP if rtsp else HTTP) as (container, video):
        if is_picture(container):
            raise CameraError("a single picture, not a video")
        video.codec_context.flags |= Flags.low_delay
        yield NetworkCamera(container, video, terms, live=rtsp or is_endless(container))

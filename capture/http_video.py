"""
Videos over HTTP: FFmpeg understands them, and every byte of them comes through our client.

So it is our client that has the password, knows where it must not go and gives up in time,
also for what a play list (HLS) names.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from io import BytesIO
from os import SEEK_CUR, SEEK_END, SEEK_SET

import av
from av.container import InputContainer

from bus.errors import CameraError
from capture.connection import Limit
from capture.http_client import Answer, Client
from capture.hwaccel import Decoder
from capture.live import Live, Manner
from capture.reasons import opening, reading
from capture.recording import Player
from capture.source import Shot, Terms, Watched
from capture.video import FORMATS, codec_of, is_picture

OPTIONS = {
    "format_whitelist": f"hls,{FORMATS}",
    "analyzeduration": "500000",  # microseconds
    "fpsprobesize": "0",  # a rate would cost more
    "live_start_index": "-2",  # of a play list; after the newest piece there would be a gap
    "http_persistent": "0",  # connections are kept by our client
    # Cameras call their pieces as they like; what they may be is the list of formats.
    "extension_picky": "0",
    "allowed_extensions": "ALL",
    "allowed_segment_extensions": "ALL",
}

PLAY_LIST = b"#EXTM3U"  # FFmpeg wants a name or type to go with it, which cameras do not mind


class Media:
    """What FFmpeg opens. It would drop the reason why it cannot: that is kept as `trouble`."""

    def __init__(self, client: Client) -> None:
        self.trouble: CameraError | None = None
        self._client = client

    def open(self, url: str, flags: int, options: dict[str, str]) -> "Remote | BytesIO":
        """As `av.open` wants it; without an answer there is just nothing to read."""
        first, end = int(options.get("offset", 0)), int(options.get("end_offset", 0))
        try:
            answer = self.get(url, first, end)
        except CameraError as error:
            self.trouble = error
            return BytesIO()
        self.trouble = None
        return Remote(self, answer)

    def get(self, url: str, first: int = 0, end: int = 0) -> Answer:
        """From the byte *first* to before *end*; 0 is the end of it all."""
        if not url.startswith(("http://", "https://")):
            raise CameraError("its play list is encrypted, or names what is not http")
        if not first and not end:
            return self._client.get(url)
        answer = self._client.get(url, {"range": f"bytes={first}-{end - 1 if end else ''}"})
        if answer.status != 206:
            answer.close()
            raise CameraError("it does not give parts of its video")
        return answer


class Remote:
    """One answer as a file that FFmpeg reads: in order, or from anywhere if it may be."""

    def __init__(self, media: Media, answer: Answer) -> None:
        self.name = answer.url
        self._media, self._answer, self._size = media, answer, answer.size or 0
        self._at = self._answer_at = 0
        parts = answer.headers.get("accept-ranges") == "bytes" and answer.status == 200
        self._in_parts = parts and bool(self._size)

    def seekable(self) -> bool:
        return self._in_parts

    def read(self, size: int) -> bytes:
        if self._in_parts and self._at >= self._size:
            return b""
        try:
            if self._at != self._answer_at:
                self._answer.close()
                self._answer, self._answer_at = self._media.get(self.name, self._at), self._at
            data = self._answer.read(size)
        except CameraError as error:
            self._media.trouble = error
            return b""
        self._at = self._answer_at = self._at + len(data)
        return data

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self._at = offset + {SEEK_CUR: self._at, SEEK_END: self._size}.get(whence, 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._answer.close()


class VideoCamera:
    """What has neither an end nor a size is live; all else is played at its own speed."""

    def __init__(
        self, container: InputContainer, media: Media, client: Client, live: bool, terms: Terms
    ) -> None:
        video = container.streams.video[0]
        self.live, self.codec = live, codec_of(video)
        self._media, self._client, self._stall_s = media, client, terms.stall_s
        at_once = live and container.format.name != "hls"  # which comes in pieces
        decoder = Decoder(video, terms.hwaccel, at_once=at_once)
        if at_once:
            self._shots = Live(container, video, decoder, Manner(terms.stall_s)).shots
        else:
            self._shots = Player(container, video, decoder).shots

    def frames(self, watched: Watched) -> Iterator[Shot]:
        limit = self._client.limit = Limit(self._stall_s, "gave no frame for")
        with _in_its_words(self._media), reading(self._stall_s):
            for shot in self._shots(watched):
                limit.left_s()  # FFmpeg, giving up, lets go of an old frame before it says so
                yield shot
                limit.renew()
            limit.left_s()


@contextmanager
def open_video(client: Client, answer: Answer, terms: Terms) -> Generator[VideoCamera]:
    """The video that begins with *answer*."""
    media = Media(client)
    with _in_its_words(media), opening("", terms.open_s):
        container = av.open(
            Remote(media, answer),
            "r",
            format="hls" if answer.peek(len(PLAY_LIST)).startswith(PLAY_LIST) else None,
            options=OPTIONS,
            timeout=(terms.open_s, terms.stall_s),
            io_open=media.open,
        )
    with container:
        if is_picture(container):
            raise CameraError("a single picture of a kind that is not known here")
        if not container.streams.video:
            raise CameraError("there is no video in it")
        sized = answer.size is not None and container.format.name != "hls"  # of its play list
        live = container.duration is None and not sized
        yield VideoCamera(container, media, client, live, terms)


@contextmanager
def _in_its_words(media: Media) -> Generator[None]:
    """Say why FFmpeg found nothing more to read, if that is known."""
    try:
        yield
    except CameraError as error:
        if media.trouble:
            raise media.trouble from error
        raise
    if media.trouble:
        raise media.trouble

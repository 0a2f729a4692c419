"""Pictures that need no others to be decoded: a JPEG, or raw pixels as FFmpeg has them."""

from functools import partial

from av import Packet
from av.codec import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from capture.newest import Decoded
from capture.video import Converter

# Otherwise half a JPEG is a picture that is grey below.
STRICT = {"err_detect": "explode", "max_pixels": str(7680 * 4320)}  # larger ones are bombs


class PieceDecoder:
    def __init__(self, codec: VideoCodecContext) -> None:
        codec.options, codec.thread_count = STRICT, 1
        self._codec, self._converter = codec, Converter()

    def decode(self, data: bytes) -> Decoded | None:
        """What converts the picture to RGB; None when it is damaged."""
        if not data:  # to FFmpeg this would mean that no more will come
            return None
        try:
            frames = self._codec.decode(Packet(data))
        except FFmpegError:
            return None
        return partial(self._converter.pixels, frames[-1]) if frames else None


def jpeg_decoder() -> PieceDecoder:
    codec = CodecContext.create("mjpeg", "r")
    assert isinstance(codec, VideoCodecContext)
    return PieceDecoder(codec)

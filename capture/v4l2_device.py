"""A video device of Linux, as FFmpeg opens it. As little as possible: no test here has one."""

import errno
import os
import stat
from dataclasses import dataclass
from typing import Protocol

import av
from av.container import InputContainer
from av.container.core import Flags
from av.video.codeccontext import VideoCodecContext

VIDEO = 81  # the kernel's number of video devices
# Otherwise a camera that gives no frame holds whoever reads it, for ever.
NEVER_WAIT = {"fflags": f"+{Flags.non_block.value}"}
ONE_FRAME = {"probesize": "32", "analyzeduration": "0", "fpsprobesize": "0"}  # tells enough


@dataclass(frozen=True)
class Piece:
    """What a camera gives at a time: mostly a picture, nothing if that was damaged."""

    data: bytes
    mono: float  # when it was captured, in monotonic seconds, as far as the driver knows


class Device(Protocol):
    @property
    def codec(self) -> VideoCodecContext:
        """What its pieces are to be decoded with."""
        ...

    def read(self) -> Piece | None:
        """The next piece, None when there is none yet; raise `OSError` when it is gone."""
        ...

    def close(self) -> None: ...


class Opener(Protocol):
    def __call__(self, path: str, options: dict[str, str], within_s: float) -> Device:
        """Raise `OSError` or `FFmpegError` when it cannot be opened with these *options*."""
        ...


class FFmpegDevice:
    def __init__(self, container: InputContainer) -> None:
        self._container = container
        self.codec = container.streams.video[0].codec_context

    def read(self) -> Piece | None:
        try:
            packet = next(self._container.demux(video=0))
        except av.error.BlockingIOError:
            return None
        if packet.pts is None:  # the end of a stream that has none
            raise OSError(errno.ENODEV, "no more frames")
        # Copied: the packet is a buffer of the driver, gone when the device is closed.
        return Piece(bytes(packet), packet.pts / 1_000_000)

    def close(self) -> None:
        self._container.close()


def open_device(path: str, options: dict[str, str], within_s: float) -> Device:
    status = os.stat(path)
    if not stat.S_ISCHR(status.st_mode) or os.major(status.st_rdev) != VIDEO:
        # Not even opened: that alone starts a watchdog, or resets what hangs on a serial line.
        raise OSError(errno.ENOTTY, "not a video device")
    options = {**NEVER_WAIT, **ONE_FRAME, **options}
    return FFmpegDevice(
        av.open(path, format="video4linux2", options=options, timeout=(within_s, None))
    )

"""
Decoders: on a graphics card where there is one that can, else in software.

Hardware fails in its own ways, often not before the first picture. Whatever happens, the
video goes on in software, and stays there until it is opened anew.
"""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from threading import current_thread

import av
from av.codec.context import CodecContext, Flags
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

log = logging.getLogger(__name__)

# What `auto` tries, where the file is there that it would use; the first that works.
DEVICES = {"cuda": "/dev/nvidia0", "vaapi": "/dev/dri/renderD128", "qsv": "/dev/dri/renderD128"}
SOFTWARE = "software"


def candidates(hwaccel: str) -> list[str]:
    """What to try for the setting *hwaccel*, in this order."""
    known = hwdevices_available()
    if hwaccel == "auto":
        usable = [kind for kind, device in DEVICES.items() if Path(device).exists()]
        found = [*usable, *(["videotoolbox"] if sys.platform == "darwin" else [])]
        return [kind for kind in found if kind in known]
    return [hwaccel] if hwaccel in known else []


def open_hardware(software: VideoCodecContext, kind: str) -> VideoCodecContext | None:
    """A decoder of its own on *kind*, so that the other one is there when this one fails."""
    codec = software.codec.canonical_name
    try:
        hardware = CodecContext.create(
            f"{codec}_qsv" if kind == "qsv" else codec,
            "r",
            HWAccel(kind, allow_software_fallback=False),
        )
    except (av.error.FFmpegError, av.codec.codec.UnknownCodecError):
        return None
    if not isinstance(hardware, VideoCodecContext) or not hardware.is_hwaccel:
        return None
    hardware.extradata = software.extradata
    return hardware


class Decoder:
    """The frames of a video's packets, on hardware if *hwaccel* wants it and it works."""

    def __init__(
        self,
        video: VideoStream,
        hwaccel: str = "none",
        *,
        at_once: bool = False,
        open_on: Callable[[VideoCodecContext, str], VideoCodecContext | None] = open_hardware,
    ) -> None:
        """*at_once* is for a live camera: its frames are in order, so none needs to be held."""
        self.name = SOFTWARE
        self.damaged = 0  # packets, and frames of them
        self._software = video.codec_context
        self._software.thread_type = "SLICE"  # FRAME would delay each by several frames
        self._software.thread_count = 1
        self._hardware: VideoCodecContext | None = None
        for kind in candidates(hwaccel):
            if hardware := open_on(self._software, kind):
                self._hardware, self.name = hardware, kind
                break
        for context in filter(None, (self._software, self._hardware)):
            context.flags |= Flags.low_delay if at_once else 0
        self._proven = False

    def frames(self, packet: "av.Packet[Stream]") -> list[VideoFrame]:
        """None of a damaged packet, which need not be the end."""
        if self._hardware is not None:
            try:
                return self._note(self._hardware.decode(packet))
            except av.error.FFmpegError as error:
                if self._proven and isinstance(error, av.error.InvalidDataError):
                    self.damaged += 1  # as it would be in software
                    return []
                self._give_up_hardware(error)
        try:
            return self._note(self._software.decode(packet))
        except av.error.InvalidDataError:
            self.damaged += 1
            return []

    @property
    def reorders(self) -> bool:
        """Whether it holds a frame until those before it have come."""
        return (self._hardware or self._software).has_b_frames

    def restart(self) -> None:
        """Forget the frames so far: the next packet does not follow them."""
        (self._hardware or self._software).flush_buffers()

    def _note(self, frames: list[VideoFrame]) -> list[VideoFrame]:
        self._proven = self._proven or bool(frames)
        self.damaged += sum(frame.is_corrupt for frame in frames)
        return frames

    def _give_up_hardware(self, error: av.error.FFmpegError) -> None:
        thread = current_thread().name  # which is named after the camera
        log.warning("%s failed, decoding in software thread=%s reason=%s", self.name, thread, error)
        self._hardware, self.name = None, SOFTWARE

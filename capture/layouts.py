"""Raw pixels as programs write them, without a header: their layouts, and how they become RGB."""

from dataclasses import dataclass

import cv2
import numpy as np

from bus.errors import CameraError
from capture.query import Size
from capture.source import Pixels


@dataclass(frozen=True)
class Layout:
    channels: int
    to_rgb: int | None  # OpenCV's number of the conversion
    halved: bool = False  # half as many lines of colours follow; a colour serves 2 x 2 pixels

    def shape(self, size: Size) -> tuple[int, int, int]:
        width, height = size
        return height * 3 // 2 if self.halved else height, width, self.channels


LAYOUTS = {
    "rgb24": Layout(3, None),
    "bgr24": Layout(3, cv2.COLOR_BGR2RGB),
    "rgbx": Layout(4, cv2.COLOR_RGBA2RGB),
    "bgrx": Layout(4, cv2.COLOR_BGRA2RGB),
    "gray": Layout(1, cv2.COLOR_GRAY2RGB),
    "yuyv": Layout(2, cv2.COLOR_YUV2RGB_YUYV),
    "nv12": Layout(1, cv2.COLOR_YUV2RGB_NV12, halved=True),
    "yuv420p": Layout(1, cv2.COLOR_YUV2RGB_I420, halved=True),
}


@dataclass(frozen=True)
class Raw:
    """How the pictures of a raw video are laid out."""

    size: Size
    layout: Layout

    def __post_init__(self) -> None:
        if self.layout.halved and any(length % 2 for length in self.size):
            raise CameraError("size: pictures with these pixels have an even width and height")

    @property
    def bytes(self) -> int:
        """Of one picture."""
        lines, width, channels = self.layout.shape(self.size)
        return lines * width * channels

    def pixels(self, data: bytearray) -> Pixels:
        picture = np.frombuffer(data, np.uint8).reshape(self.layout.shape(self.size))
        if self.layout.to_rgb is None:
            return picture
        return np.asarray(cv2.cvtColor(picture, self.layout.to_rgb), np.uint8)

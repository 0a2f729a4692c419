"""From a frame to the JPEG that a client wants to see. It blocks: use it in a thread."""

from dataclasses import dataclass
from time import time

import cv2
import numpy as np

from bus.jpeg import Pixels, encode_jpeg
from bus.overlay import Caption, Overlay, Said, caption, card
from bus.subscriber import Frame
from bus.times import utc

UNSEEN = (640, 360)  # of a card for a camera that has shown nothing yet


@dataclass(frozen=True)
class Look:
    """How a camera is looked at; *width* in pixels, never more than the camera's own."""

    camera: str
    width: int
    overlay: bool


class Painter:
    """The pictures of one look, one after the other."""

    def __init__(self, look: Look, fade_s: float) -> None:
        self._look, self._fade_s = look, fade_s
        self._width, self._height = UNSEEN
        self._overlay: Overlay | None = None

    def frame(self, frame: Frame, said: Said) -> bytes:
        """*frame* as JPEG; its pixels may be written on."""
        pixels = narrowed(frame.pixels, self._look.width)
        height, width, _ = pixels.shape
        if self._overlay is None or (width, height) != (self._width, self._height):
            self._width, self._height = width, height
            self._overlay = Overlay(width, height, self._fade_s)
        if self._look.overlay:
            self._overlay.draw(pixels, self._caption(frame, said), time())
        return encode_jpeg(pixels)

    def card(self, text: str) -> bytes:
        """A picture, as large as the frames, that says why there is no frame."""
        return encode_jpeg(card(self._width, self._height, self._look.camera, text))

    def _caption(self, frame: Frame, said: Said) -> Caption:
        return caption(self._look.camera, frame.descriptor.captured_at, said)


def narrowed(pixels: Pixels, width: int) -> Pixels:
    """*pixels* as wide as *width*, if they are wider; their proportions stay."""
    height, own, _ = pixels.shape
    if own <= width:
        return pixels
    size = width, max(1, round(height * width / own))
    # By less than half, the thorough way costs four times the encoding and looks the same.
    way = cv2.INTER_AREA if own >= 2 * width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8)


def headers(frame: Frame) -> dict[str, str]:
    """What a client is told of the frame that its picture shows."""
    return {
        "x-frame-seq": str(frame.descriptor.seq),
        "x-frame-captured-at": utc(frame.descriptor.captured_at),
    }

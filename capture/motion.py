"""How much of a camera's picture has changed against what it usually shows."""

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.source import Pixels

STRIDE = 6  # every sixth pixel of every sixth row is enough, and costs 0.1 ms at 720p
CHANGED = 20  # of 255: more than the noise of a sensor in the dark, after the blur
ABSORB_S = 5.0  # about how long until what stays belongs to the background
NEW_SCENE = 0.6  # so much at once is the light or the camera: begin again from here


class Motion:
    """The score of one camera's pictures, in order."""

    def __init__(self) -> None:
        self._background: NDArray[np.float32] | None = None
        self._at_s = 0.0

    def score(self, pixels: Pixels, at_s: float) -> float:
        """The changed share of the picture of *at_s*, 0 to 1; 0 for the first one of its size."""
        small = cv2.blur(np.ascontiguousarray(pixels[::STRIDE, ::STRIDE, 1]), (5, 5))
        since_s, self._at_s = at_s - self._at_s, at_s
        if self._background is None or self._background.shape != small.shape:
            self._background = small.astype(np.float32)
            return 0.0
        difference = cv2.absdiff(small, cv2.convertScaleAbs(self._background))
        changed = np.count_nonzero(difference > CHANGED) / difference.size
        learn = 1.0 if changed > NEW_SCENE else min(1.0, max(0.0, since_s / ABSORB_S))
        cv2.accumulateWeighted(small, self._background, learn)
        return float(changed)

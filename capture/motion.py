"""How much of a camera's picture has changed against what it usually shows."""

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.source import Pixels

STRIDE = 6  # every sixth pixel of every sixth row is enough, and costs 0.2 ms at 720p
CHANGED = (20, 20, 20)  # of 255: more than the noise of a sensor in the dark, after the blur
ABSORB_S = 5.0  # about how long until what stays belongs to the background
NEW_SCENE = 0.6  # so much at once is the light or the camera: begin again from here


class Motion:
    """The score of one camera's pictures, in order."""

    def __init__(self) -> None:
        self._background: NDArray[np.float32] | None = None
        self._at_s = 0.0

    def score(self, pixels: Pixels, at_s: float) -> float:
        """The changed share of the picture of *at_s*, 0 to 1; 0 for the first one of its size."""
        # All colours: a red coat before green leaves may be as bright as they are.
        small = cv2.blur(np.ascontiguousarray(pixels[::STRIDE, ::STRIDE]), (5, 5))
        since_s, self._at_s = at_s - self._at_s, at_s
        if self._background is None or self._background.shape != small.shape:
            self._background = small.astype(np.float32)
            return 0.0
        difference = cv2.absdiff(small, cv2.convertScaleAbs(self._background))
        same = cv2.inRange(difference, (0, 0, 0), CHANGED)
        changed = 1 - cv2.countNonZero(same) / same.size
        learn = 1.0 if changed > NEW_SCENE else min(1.0, max(0.0, since_s / ABSORB_S))
        cv2.accumulateWeighted(small, self._background, learn)
        return changed

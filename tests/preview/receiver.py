"""FFmpeg as a server that takes a pushed stream: `python -m tests.preview.receiver URL COUNT`."""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

import av
import numpy as np
from av.container import InputContainer

from tests.pictures import number_in


def numbered_frames(container: InputContainer) -> Iterator[dict[str, float]]:
    for frame in container.decode(video=0):
        pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        with suppress(AssertionError):  # a card, before the camera has given its first frame
            yield {"number": number_in(pixels[:, 80:560]), "time_s": float(frame.time or 0)}


def main(url: str, count: str) -> None:
    """Print the number and time of the first *count* pictures, one a line."""
    with av.open(url, options={"rtsp_flags": "listen", "listen_timeout": "20"}) as container:
        for frame in islice(numbered_frames(container), int(count)):
            sys.stdout.write(json.dumps(frame) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

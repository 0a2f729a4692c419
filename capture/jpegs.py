"""
JPEG pictures one after the other, as they come in pieces: where does each end?

A picture is complete with its own last byte, not with the first of the next one. Segments
are stepped over, for a thumbnail in one of them begins and ends as the picture does.
"""

import re
from collections.abc import Iterator

BEGIN = b"\xff\xd8\xff"
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither stuffing nor a restart
LARGEST = 64 << 20  # bytes; what is longer has no end
FILL, SOI, EOI, SOS = 0xFF, 0xD8, 0xD9, 0xDA
ALONE = (0x01, *range(0xD0, 0xD8))  # markers that no length follows


class JpegCutter:
    def __init__(self) -> None:
        self._data = bytearray()  # begins with a picture, once `_at` is not 0
        self._at = 0  # as far as the picture is understood
        self._in_scan = False  # in compressed data, of which only the end can be found

    def cut(self, piece: bytes) -> Iterator[bytes | None]:
        """The pictures that *piece* completes; None for one that is damaged."""
        self._data += piece
        while self._at or self._begin():
            try:
                end = self._end()
            except ValueError:
                yield None
                self._drop(self._at if self._data[self._at : self._at + 3] == BEGIN else 2)
                continue
            if not end:
                return
            yield bytes(self._data[:end])
            self._drop(end)

    def _begin(self) -> bool:
        start = self._data.find(BEGIN)
        if start < 0:
            self._drop(len(self._data) - len(BEGIN) + 1)
            return False
        self._drop(start)
        self._at = 2
        return True

    def _drop(self, size: int) -> None:
        del self._data[: max(0, size)]
        self._at, self._in_scan = 0, False

    def _end(self) -> int:
        """Where the picture ends, 0 when that is still to come; `ValueError`: it is damaged."""
        while True:
            if self._in_scan and not self._leave_scan():
                return 0
            marker = self._data[self._at : self._at + 4]
            if len(marker) > 1 and marker[1] == EOI and marker[0] == FILL:
                return self._at + 2
            step = _step(marker)
            if not step:
                return 0
            self._at += step
            self._in_scan = marker[1] == SOS

    def _leave_scan(self) -> bool:
        match = MARKER.search(self._data, self._at)
        if len(self._data) > LARGEST:
            raise ValueError
        self._at = match.start() if match else max(self._at, len(self._data) - 1)
        self._in_scan = match is None
        return match is not None


def _step(marker: bytearray) -> int:
    """How long the segment is that begins so; 0 when more has to be seen of it."""
    if marker and marker[0] != FILL:
        raise ValueError
    if len(marker) < 2:
        return 0
    if marker[1] == FILL:
        return 1
    if marker[1] in ALONE:
        return 2
    if marker[1] in (0, SOI):
        raise ValueError
    if len(marker) < 4:
        return 0
    length = int.from_bytes(marker[2:4], "big")
    if length < 2:
        raise ValueError
    return 2 + length

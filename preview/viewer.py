"""One who watches a path: gets each picture as packets, or misses some when too slow."""

import secrets
from collections.abc import Callable
from time import monotonic

from preview import rtcp
from preview.outlets import Outlet
from preview.rtp import Unit, packets

BACKLOG_BYTES = 1 << 20  # more than that waits for nobody
AGAIN_BYTES = BACKLOG_BYTES // 4  # who has fallen behind goes on when so little is left

OFFSET = secrets.randbits(32)  # between our clock and RTP's: nobody shall know how long we run


class Viewer:
    """It begins with a key frame, at first and after a gap."""

    def __init__(self, outlet: Outlet, want_key: Callable[[], None]) -> None:
        self.shown = self.missed = 0  # pictures
        self.ssrc = secrets.randbits(32)
        self.sequence = secrets.randbits(16)  # of the next packet
        self._outlet, self._want_key = outlet, want_key
        self._packets = self._octets = 0
        self._waits = True  # for a key frame
        self._report_due = 0.0
        self.moved = monotonic()  # when the player was last seen to take something
        self._delivered = 0

    def begin(self) -> None:
        """Whoever plays again after a pause has missed the pictures between."""
        self._waits = True
        self._want_key()

    def show(self, unit: Unit) -> None:
        self._watch()
        if self._has_room(unit):
            self._send(unit)
        else:
            self.missed += 1

    def _has_room(self, unit: Unit) -> bool:
        backlog = self._outlet.backlog()
        if backlog and backlog + unit.size > BACKLOG_BYTES:
            self._waits = True
        elif self._waits and backlog <= AGAIN_BYTES:
            if unit.key:
                self._waits = False
            else:
                self._want_key()
        return not self._waits

    def _send(self, unit: Unit) -> None:
        timestamp = unit.tick + OFFSET
        if monotonic() >= self._report_due:
            self._report_due = monotonic() + rtcp.EVERY_S
            sent = rtcp.Sent(self.ssrc, self._packets, self._octets)
            self._outlet.report(rtcp.report(sent, unit.captured_at, timestamp))
        self._outlet.send(packets(unit, self.sequence, timestamp, self.ssrc))
        self.sequence = (self.sequence + len(unit.payloads)) & 0xFFFF
        self._packets += len(unit.payloads)
        self._octets += unit.size
        self.shown += 1

    def _watch(self) -> None:
        """Note whether the player takes what it is given."""
        delivered = self._outlet.delivered()
        if delivered is not None and delivered > self._delivered:
            self._delivered, self.moved = delivered, monotonic()

    def leave(self) -> None:
        self._outlet.report(rtcp.goodbye(self.ssrc))
        self._outlet.close()

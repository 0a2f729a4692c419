"""What accompanies RTP (RFC 3550): our reports and our goodbye, and knowing a player's. Pure."""

import struct
from dataclasses import dataclass

EVERY_S = 5.0
NTP_EPOCH = 2_208_988_800  # unix seconds from 1900 to 1970

_SENDER, _RECEIVER, _NAMES, _BYE = 200, 201, 202, 203
_OURS = b"lookout"


@dataclass(frozen=True)
class Sent:
    """What a player has been sent so far, and by whom."""

    ssrc: int
    packets: int
    octets: int  # of payload


def report(sent: Sent, captured_at: float, timestamp: int) -> bytes:
    """Says that the picture with *timestamp* was captured at *captured_at* (unix seconds)."""
    ntp = round((captured_at + NTP_EPOCH) * 2**32) & (2**64 - 1)
    body = struct.pack(
        "!IQIII",
        sent.ssrc,
        ntp,
        timestamp & 0xFFFFFFFF,
        sent.packets & 0xFFFFFFFF,
        sent.octets & 0xFFFFFFFF,
    )
    return _packet(0, _SENDER, body) + _names(sent.ssrc)


def goodbye(ssrc: int) -> bytes:
    source = struct.pack("!I", ssrc)
    return _packet(0, _RECEIVER, source) + _names(ssrc) + _packet(1, _BYE, source)


def is_report(data: bytes) -> bool:
    """Whether *data* is what a player sends to say that it is there."""
    return len(data) >= 8 and data[0] >> 6 == 2 and data[1] in (_SENDER, _RECEIVER)


def _names(ssrc: int) -> bytes:
    chunk = struct.pack("!IBB", ssrc, 1, len(_OURS)) + _OURS
    return _packet(1, _NAMES, chunk + bytes(4 - len(chunk) % 4))


def _packet(count: int, kind: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body

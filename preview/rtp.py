"""H.264 in RTP (RFC 6184, packetization mode 1). Pure."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CLOCK = 90_000  # ticks per second
KIND = 96  # of the payload, as the session description says
PAYLOAD_BYTES = 1400  # of one packet: with its headers it fits an Ethernet frame
HEADER = struct.Struct("!BBHII")

_FU_A = 28
_IDR, _SPS, _PPS = 5, 7, 8


@dataclass(frozen=True)
class Unit:
    """One encoded picture, ready to be sent to anybody."""

    payloads: Sequence[bytes]
    tick: int  # of the 90 kHz clock, not cut to 32 bits
    key: bool  # a player can begin here
    captured_at: float  # unix seconds
    size: int  # bytes


def nal_units(stream: bytes) -> list[bytes]:
    """The NAL units of a byte stream with start codes (Annex B)."""
    return [unit for part in stream.split(b"\0\0\1") if (unit := part.rstrip(b"\0"))]


def parameter_sets(units: Sequence[bytes]) -> list[bytes]:
    return [unit for unit in units if unit[0] & 0x1F in (_SPS, _PPS)]


def has_key(units: Sequence[bytes]) -> bool:
    return any(unit[0] & 0x1F == _IDR for unit in units)


def payloads(units: Sequence[bytes]) -> Iterator[bytes]:
    """*units* as they travel, those too long for a packet in fragments (FU-A)."""
    for unit in units:
        if len(unit) <= PAYLOAD_BYTES:
            yield unit
        else:
            yield from _fragments(unit)


def _fragments(unit: bytes) -> Iterator[bytes]:
    indicator, kind = unit[0] & 0xE0 | _FU_A, unit[0] & 0x1F
    step = PAYLOAD_BYTES - 2
    for at in range(1, len(unit), step):
        start = 0x80 if at == 1 else 0
        end = 0x40 if at + step >= len(unit) else 0
        yield bytes((indicator, start | end | kind)) + unit[at : at + step]


def unit_of(stream: bytes, tick: int, captured_at: float) -> Unit:
    units = nal_units(stream)
    pieces = tuple(payloads(units))
    return Unit(pieces, tick, has_key(units), captured_at, sum(map(len, pieces)))


def packets(unit: Unit, sequence: int, timestamp: int, ssrc: int) -> list[bytes]:
    """The RTP packets of *unit*; the last one carries the marker."""
    last = len(unit.payloads) - 1
    return [
        HEADER.pack(
            0x80,
            KIND | (0x80 if place == last else 0),
            (sequence + place) & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            ssrc,
        )
        + payload
        for place, payload in enumerate(unit.payloads)
    ]

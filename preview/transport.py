"""How a player wants its packets: the `Transport` header. Pure."""

import re
from dataclasses import dataclass

from preview.rtsp import RtspError


@dataclass(frozen=True)
class Interleaved:
    """In the RTSP connection itself, on two of its channels."""

    rtp: int
    rtcp: int


@dataclass(frozen=True)
class Datagrams:
    """By UDP to two ports of the player."""

    rtp: int
    rtcp: int


Transport = Interleaved | Datagrams

CHANNELS, PORTS = range(256), range(1, 65536)


def parse_transport(header: str) -> Transport:
    """The first of the player's proposals that we can meet; else `RtspError` 461."""
    for proposal in header.split(","):
        if transport := _parse(proposal):
            return transport
    raise RtspError(461)


def _parse(proposal: str) -> Transport | None:
    kind, *fields = (part.strip() for part in proposal.split(";"))
    options = {name.lower(): value for name, _, value in (part.partition("=") for part in fields)}
    mode = options.get("mode", "play").strip('"').lower()
    if mode != "play" or "multicast" in options:
        return None
    if kind.upper() == "RTP/AVP/TCP":
        pair = _pair(options.get("interleaved", "0-1"), CHANNELS)
        return Interleaved(*pair) if pair else None
    if kind.upper() in ("RTP/AVP", "RTP/AVP/UDP"):
        pair = _pair(options.get("client_port", ""), PORTS)
        return Datagrams(*pair) if pair else None
    return None


def _pair(text: str, allowed: range) -> tuple[int, int] | None:
    """`5000-5001`, or `5000`, which means the same."""
    match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", text.strip())
    if not match:
        return None
    first = int(match[1])
    second = int(match[2]) if match[2] else first + 1
    if first == second or first not in allowed or second not in allowed:
        return None
    return first, second

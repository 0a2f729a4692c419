"""What is to be had at a path, as a session description (RFC 4566). Pure."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from preview.rtp import CLOCK, KIND
from preview.rtsp import TRACK


@dataclass(frozen=True)
class Video:
    """What all our streams have in common."""

    sets: Sequence[bytes]  # SPS and PPS
    fps: float
    kbps: int


def describe(name: str, host: str, video: Video) -> bytes:
    """*host* is our address as the player sees it."""
    family = "IP6" if ":" in host else "IP4"
    sets = ",".join(base64.b64encode(unit).decode() for unit in video.sets)
    profile = video.sets[0][1:4].hex().upper()
    lines = [
        "v=0",
        f"o=- 0 0 IN {family} {host}",
        f"s=Lookout {name}",
        f"c=IN {family} {'::' if family == 'IP6' else '0.0.0.0'}",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        f"m=video 0 RTP/AVP {KIND}",
        f"b=AS:{video.kbps}",
        f"a=rtpmap:{KIND} H264/{CLOCK}",
        f"a=fmtp:{KIND} packetization-mode=1;profile-level-id={profile};"
        f"sprop-parameter-sets={sets}",
        f"a=framerate:{video.fps:g}",
        f"a=control:{TRACK}",
        "",
    ]
    return "\r\n".join(lines).encode()

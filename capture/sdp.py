"""
What RTP needs to be told before it can be read, in the form FFmpeg wants it (SDP).

Of a camera's own SDP we take what describes its first video, and write it anew: the other
lines could open more ports. Pure.
"""

import ipaddress
import re
from dataclasses import dataclass

from bus.errors import CameraError

CODECS = {
    "h264": "H264",
    "h265": "H265",
    "hevc": "H265",
    "mjpeg": "JPEG",
    "mpegts": "MP2T",
    "vp8": "VP8",
    "vp9": "VP9",
}
PAYLOADS = {"JPEG": 26, "MP2T": 33}  # of the others 96, unless agreed otherwise
FROM_ANYWHERE = "0.0.0.0"
CLOCK = 90_000  # Hz


@dataclass(frozen=True)
class Stream:
    port: int
    codec: str  # as SDP calls it
    payload: int
    address: str = FROM_ANYWHERE  # of ours, or of a multicast group
    clock: int = CLOCK
    parameters: str = ""  # of the codec

    @property
    def is_multicast(self) -> bool:
        return ipaddress.ip_address(self.address).is_multicast


def sdp_of(stream: Stream) -> str:
    version = ipaddress.ip_address(stream.address).version
    lines = [
        "v=0",
        f"o=- 0 0 IN IP{version} {stream.address}",
        "s=camera",
        f"c=IN IP{version} {stream.address}",
        "t=0 0",
        f"m=video {stream.port} RTP/AVP {stream.payload}",
        f"a=rtpmap:{stream.payload} {stream.codec}/{stream.clock}",
    ]
    if stream.parameters:
        lines.append(f"a=fmtp:{stream.payload} {stream.parameters}")
    return "".join(f"{line}\r\n" for line in lines)


def parse_sdp(text: str) -> Stream:
    """Its first video; raise `CameraError` when there is none that we can read."""
    head, *media = re.split(r"(?m)^(?=m=)", text)
    video = next((part for part in media if part.startswith("m=video ")), "")
    if not head.startswith("v=0") or not video:
        raise CameraError("the file describes no video: it should be an SDP with a line m=video")
    line = re.match(r"m=video (\d{1,5})(?:/\d+)? RTP/AVPF? (\d{1,3})", video)
    if not line:
        raise CameraError("the video in the SDP is encrypted, or does not come by RTP")
    port, payload = int(line[1]), int(line[2])
    codec, clock = _codec(video, payload)
    given = re.search(rf"(?m)^a=fmtp:{payload} ([\x20-\x7e]+)", video)
    if not 0 < port < 65535 or payload > 127:
        raise CameraError("the SDP names a port or a payload type that cannot be")
    return Stream(port, codec, payload, _group(head, video), clock, given[1] if given else "")


def _codec(video: str, payload: int) -> tuple[str, int]:
    known = {number: name for name, number in PAYLOADS.items()}
    given = re.search(rf"(?m)^a=rtpmap:{payload} ([\w.-]+)/(\d{{1,7}})", video)
    name, clock = (given[1].upper(), int(given[2])) if given else (known.get(payload, ""), CLOCK)
    if name not in CODECS.values():
        raise CameraError(f"the video in the SDP is {name or 'unknown'}: use one of {_names()}")
    return name, clock


def _names() -> str:
    return ", ".join(sorted(set(CODECS.values())))


def _group(head: str, video: str) -> str:
    """The multicast group; any other address is the camera's, or of whoever wrote the SDP."""
    for part in (video, head):
        if given := re.search(r"(?m)^c=IN IP[46] ([0-9A-Fa-f:.]+)", part):
            try:
                return given[1] if ipaddress.ip_address(given[1]).is_multicast else FROM_ANYWHERE
            except ValueError:
                break
    return FROM_ANYWHERE

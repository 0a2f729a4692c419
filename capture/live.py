"""
Reading a video that comes as it is filmed, without ever falling behind.

What arrives is decoded at once, for a reader that pauses gets older and older pictures.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from time import monotonic

from av import Packet
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from bus.errors import CameraError
from capture.economy import Economy
from capture.hwaccel import Decoder
from capture.source import Shot, Watched
from capture.video import Converter, media_s, taken

BEHIND_S = 1.0  # later than this, pictures are skipped
SKIP_S = 0.5  # meanwhile one in so many seconds is shown
AT_ONCE_S = 0.01  # a packet that took longer was not waiting for us
SPOILT_S = 2.5  # as long as this, smeared pictures are held back: less than makes it stale
SILENCE_S = 0.5  # of a silence before them, so much counts: after a longer one it is stale already
GAP = 1.7  # of the usual interval: something between two packets was lost
OFTEN, RARELY = 0.2, 0.02  # what one interval weighs in the usual one; a gap may be a new one


@dataclass(frozen=True)
class Manner:
    """What is peculiar to how a camera sends."""

    stall_s: float
    holds_back: bool = False  # a packet is given when the next one begins
    lossy: bool = False  # what gets lost on the way is not sent again


@dataclass(frozen=True)
class Arrival:
    packet: "Packet[Stream]"
    at: float  # monotonic seconds: when it began to arrive
    behind_s: float  # how much later than the camera we are
    waited: bool


class Lag:
    """
    How far a reader is behind its camera.

    A packet that had to be waited for is as new as can be. From then on the camera's
    clock and ours should advance alike; reading at leisure, only ours does.
    """

    def __init__(self) -> None:
        self._newest: float | None = None

    def after(self, waited_s: float, media_s: float | None, now_s: float) -> float:
        """Seconds behind, having got the packet of *media_s* after a wait."""
        if media_s is None:
            return 0.0
        if self._newest is None or waited_s > AT_ONCE_S:
            self._newest = media_s - now_s
        return self._newest - (media_s - now_s)


class Haste:
    """Which packets to leave out when we cannot keep up: all but a key frame now and then."""

    def __init__(self) -> None:
        self._skipping, self._shown, self._grace_s = False, -inf, 0.0

    def excuse(self, took_s: float) -> None:
        """We were busy once for so long, and shall make up for it."""
        self._grace_s = took_s

    def leaves_out(self, arrival: Arrival, now_s: float) -> bool:
        if arrival.waited:
            self._grace_s = 0.0
        late = arrival.behind_s > BEHIND_S + self._grace_s
        key = arrival.packet.is_keyframe
        self._skipping = late or (self._skipping and not key)
        if self._skipping and not (key and now_s - self._shown > SKIP_S):
            return True
        self._shown = now_s
        return False


class Damage:
    """
    Which pictures are smeared: what is wrong in one stays in those drawn upon it.

    They are held back until the next key frame, or until a smear is better than nothing.
    """

    def __init__(self, lossy: bool) -> None:
        self._lossy = lossy
        self._media_s: float | None = None
        self._interval_s = 0.0
        self._spoilt = self._tolerant = False
        self._good = 0.0  # monotonic seconds of the last picture not held back
        self._held_since: float | None = None

    def note(self, key: bool, at_s: float | None, damaged: bool) -> None:
        """The packet of *at_s* has come; *damaged* is what the decoder has found since."""
        damaged = (self._is_gap(at_s) and not key) or damaged
        self._spoilt = damaged or (self._spoilt and not key)
        self._tolerant = self._tolerant and (damaged or not key)

    def holds_back(self, now_s: float) -> bool:
        if self._tolerant or not self._spoilt:
            self._good, self._held_since = now_s, None
            return False
        if self._held_since is None:
            self._held_since = max(self._good, now_s - SILENCE_S)
        self._tolerant = now_s - self._held_since >= SPOILT_S
        return not self._tolerant

    def _is_gap(self, at_s: float | None) -> bool:
        """Whether something between this packet and the last one was lost."""
        before_s, self._media_s = self._media_s, at_s
        if not self._lossy or at_s is None or before_s is None or at_s <= before_s:
            return False
        newly_s, usual_s = at_s - before_s, self._interval_s or at_s - before_s
        gap = newly_s > GAP * usual_s
        self._interval_s = usual_s + (newly_s - usual_s) * (RARELY if gap else OFTEN)
        return gap


class Live:
    """One opening of a live video."""

    def __init__(
        self, container: InputContainer, video: VideoStream, decoder: Decoder, manner: Manner
    ) -> None:
        self._container, self._video = container, video
        self._decoder, self._manner = decoder, manner
        self._haste, self._damage = Haste(), Damage(manner.lossy)
        self._converter = Converter()

    def shots(self, watched: Watched) -> Iterator[Shot]:
        economy, shown = Economy(self._decoder, watched), monotonic()
        for arrival in self._arrivals():
            if self._haste.leaves_out(arrival, monotonic()):
                economy.miss()
                yield taken(arrival.at, None, lost=True)
                continue
            frames = self._decode(economy, arrival.packet)
            if frames or economy.resting:
                shown = monotonic()
            yield self._shot(arrival, frames, economy)
            self._check(shown)

    def _decode(self, economy: Economy, packet: "Packet[Stream]") -> list[VideoFrame]:
        start, damaged, rested = monotonic(), self._decoder.damaged, economy.resting
        frames = economy.decode(packet)
        worse = self._decoder.damaged > damaged
        self._damage.note(packet.is_keyframe, media_s(packet), worse)
        if rested:
            self._haste.excuse(monotonic() - start)
        return frames

    def _shot(self, arrival: Arrival, frames: list[VideoFrame], economy: Economy) -> Shot:
        spoilt = self._damage.holds_back(monotonic())
        if frames and not spoilt:
            return taken(arrival.at, lambda: self._converter.pixels(frames[-1]))
        missing = economy.shown and not self._decoder.reorders
        return taken(arrival.at, None, lost=not economy.resting and (spoilt or missing))

    def _arrivals(self) -> Iterator[Arrival]:
        lag, asked, heard = Lag(), monotonic(), monotonic()
        begun: float | None = None
        for packet in self._container.demux():
            now = monotonic()
            self._check(heard)  # FFmpeg, giving up, lets go of an old frame before it says so
            if packet.stream.index == self._video.index and packet.size:  # or it is the end
                waited_s = now - asked
                behind_s = max(0.0, lag.after(waited_s, media_s(packet), now))
                at = begun if begun is not None and self._manner.holds_back else now
                yield Arrival(packet, at - behind_s, behind_s, waited_s > AT_ONCE_S)
                begun, heard = now, monotonic()
            asked = monotonic()

    def _check(self, since: float) -> None:
        if monotonic() - since > self._manner.stall_s:
            raise CameraError(f"gave no frame for {self._manner.stall_s:g} s")

"""
One opening of a camera: the thread that reads its source and publishes its frames.

It may hang in native code, so nobody waits for it without a limit: whoever has told it
to stop may forget it.
"""

import logging
from collections.abc import Callable
from threading import Thread
from time import monotonic

from bus.errors import BadSettings, CameraError
from bus.frames import FrameWriter
from bus.messages import CameraSpec, FrameDescriptor
from capture.health import Opening
from capture.motion import Motion
from capture.reach import check_reach
from capture.reasons import Refused
from capture.source import Pixels, Shot, Terms, open_source

log = logging.getLogger(__name__)


class Pacer:
    """Which frames to publish so that there are *fps* of them at most, evenly."""

    def __init__(self, fps: float) -> None:
        self._step_s = 1 / fps
        self._due = 0.0

    def due(self, at: float) -> bool:
        jitter_s = self._step_s / 2
        if at < self._due - jitter_s:
            return False
        self._due = (self._due if at < self._due + jitter_s else at) + self._step_s
        return True


class Feed:
    """Written by its thread, read by the event loop, which *changed* wakes."""

    def __init__(
        self,
        spec: CameraSpec,
        writer: FrameWriter,
        terms: Terms,
        changed: Callable[[], object],
    ) -> None:
        self.codec = ""
        self.newest: FrameDescriptor | None = None
        self.arrived = self.lost = 0  # pictures
        self.last_at = 0.0  # unix seconds of the last one that arrived
        self.reason = ""  # why it ended
        self.refused = False  # it ended because the camera does not want us
        self.over = False  # it ended because there is no more of it
        self.closed = False  # the thread has ended
        self.tell_next = False  # wake the loop at the next frame
        self._spec, self._writer, self._terms, self._changed = spec, writer, terms, changed
        self._pacer, self._motion = Pacer(terms.fps), Motion()
        self._began = monotonic()
        self._opened: float | None = None
        self._last: float | None = None
        self._interval_s = 0.0
        self._stopping = False
        self._resting = False

    def start(self) -> None:
        # Not from a pool: a pool's threads would be waited for at exit.
        Thread(target=self._run, name=f"camera-{self._writer.camera}", daemon=True).start()

    def stop(self) -> None:
        """Publish nothing more, and end as soon as the source lets go."""
        self._stopping = True

    def abandon(self) -> None:
        """Leave nothing behind of a thread that did not end."""
        if not self.closed:
            self._writer.discard()

    def opening(self) -> Opening:
        last = self._last if self.newest else None  # it counts once it is published
        return Opening(self._began, self._opened, last, self._interval_s)

    def _run(self) -> None:
        try:
            self.reason = self._read()
        except (CameraError, BadSettings) as error:
            self.reason, self.refused = str(error), isinstance(error, Refused)
        except Exception:
            log.exception("camera crashed id=%s", self._writer.camera)
            self.reason = "reading it failed unexpectedly: see the log of capture"
        finally:
            self._writer.close()
            self.closed = True
            self._changed()

    def _read(self) -> str:
        """Publish frames until there are no more; why that is."""
        if not self._spec.setting:
            check_reach(self._spec.url)
        with open_source(self._spec.url, self._terms) as source:
            self.codec, self._opened = source.codec, monotonic()
            self._changed()
            for shot in source.frames(self._watched):
                if self._stopping:
                    return "it was closed"
                self._note(shot)
                if shot.pixels is None:
                    self._rest()
                elif self._pacer.due(shot.captured_mono):
                    self._publish(shot, shot.pixels())
            self.over = not source.live
        return "the video is over" if self.over else "the camera ended its stream"

    def _watched(self) -> bool:
        """Asked by sources while they wait, too: so one that is told to stop need not."""
        if self._stopping:
            raise CameraError("it was closed")
        return self._writer.watched()

    def _note(self, shot: Shot) -> None:
        arrived = monotonic()  # which may be long after it was captured
        if self._last is not None:
            newly_s = arrived - self._last
            self._interval_s += (newly_s - self._interval_s) * (0.2 if self._interval_s else 1)
        self._last, self.last_at = arrived, shot.captured_at
        self.arrived += 1
        self.lost += shot.lost

    def _rest(self) -> None:
        """What was published is not the newest any more: who subscribes now gets the next one."""
        if not self._resting:
            self._resting = True
            self._writer.forget()

    def _publish(self, shot: Shot, pixels: Pixels) -> None:
        self._resting = False
        motion = self._motion.score(pixels, shot.captured_mono)
        if self._stopping:
            return
        try:
            frame = self._writer.write(pixels, shot.captured_at, shot.captured_mono, motion)
        except OSError as error:  # a full tmpfs
            raise CameraError(f"its frames do not fit: {error.strerror}") from error
        before, self.newest = self.newest, frame
        if self.tell_next or before is None or _place(before) != _place(frame):
            self.tell_next = False
            self._changed()


def _place(frame: FrameDescriptor) -> tuple[str, int, int]:
    return frame.instance, frame.width, frame.height

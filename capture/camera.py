"""
One camera, kept open: opened, watched, closed when its frames stop, opened again.

The policy is here and in `health`; reading is in `feed`, Redis in `registry`.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from math import inf
from random import Random
from time import monotonic, time

import msgspec

from bus.cameras import CameraStatus, State
from bus.log import mask
from capture.feed import Feed
from capture.health import STEADY_S, again_s, backoff_s, judge
from capture.source import Terms

log = logging.getLogger(__name__)

CLOSE_S = 0.5  # a thread that has not ended by then is left alone
RATE_S = 2.0  # over which frames are counted

OpenFeed = Callable[[Callable[[], object]], Feed]  # given what to call when it changes


class Rate:
    """How many per second, lately."""

    def __init__(self) -> None:
        self._since: tuple[int, float] | None = None
        self._per_s = 0.0

    def at(self, count: int, now_s: float) -> float:
        since, since_s = self._since = self._since or (count, now_s)
        took_s = now_s - since_s
        if took_s > 0:
            self._per_s = (count - since) / took_s
        if took_s >= RATE_S:
            self._since = count, now_s
        return round(self._per_s, 1)


class Camera:
    """`run` keeps it open until cancelled; *changed* is called when its status is another."""

    def __init__(
        self,
        status: CameraStatus,
        open_feed: OpenFeed,
        terms: Terms,
        changed: Callable[[], None],
    ) -> None:
        self._status = status
        self._open_feed, self._terms, self._changed = open_feed, terms, changed
        self._feed: Feed | None = None
        self._rate, self._rate_in = Rate(), Rate()
        self._lost = 0  # in earlier openings
        self._lived = False
        self._woken = asyncio.Event()
        self._nudged = False
        self._logged = ("", "")

    def nudge(self) -> None:
        """Somebody wants it: if it rests between two attempts, begin."""
        self._nudged = True
        self._woken.set()

    def status(self) -> CameraStatus:
        feed, status = self._feed, self._status
        if feed is None or feed.newest is None or status.state not in ("live", "stale"):
            return status
        live, now = status.state == "live", monotonic()
        return msgspec.structs.replace(
            status,
            instance=feed.newest.instance,
            width=feed.newest.width,
            height=feed.newest.height,
            last_frame_at=feed.last_at,
            codec=feed.codec,
            drops=self._lost + feed.lost,
            fps=self._rate.at(feed.newest.seq, now) if live else 0.0,
            fps_in=self._rate_in.at(feed.arrived, now) if live else 0.0,
        )

    async def run(self) -> None:
        dice, failures = Random(), 0
        try:
            while True:
                feed = self._begin()
                await self._watch(feed)
                feed.stop()
                self._lost += feed.lost
                failures = 0 if feed.opening().lived_s > STEADY_S else failures + 1
                wait_s = backoff_s(failures, dice, feed.refused)
                await self._rest(feed, wait_s, again_s(failures, feed.refused))
        finally:
            await self._close()

    def _begin(self) -> Feed:
        self._nudged, self._rate, self._rate_in = False, Rate(), Rate()
        self._status = msgspec.structs.replace(self._status, attempts=self._status.attempts + 1)
        self._say("connecting", "")
        self._feed = self._open_feed(self._woken.set)
        self._feed.start()
        return self._feed

    async def _watch(self, feed: Feed) -> None:
        """Say how the camera is until it is lost."""
        while not feed.closed:
            verdict = judge(feed.opening(), monotonic(), self._terms)
            self._say(verdict.state, verdict.error)
            if verdict.state == "down":
                return
            feed.tell_next = verdict.state == "stale"
            await self._pause(verdict.holds_s)
        self._say("down", feed.reason)

    async def _rest(self, feed: Feed, wait_s: float, asked_s: float) -> None:
        """Until the next attempt: *asked_s* if somebody asks, more if the thread hangs."""
        if feed.over:
            self._nudged, wait_s = False, inf
        start = monotonic()
        while True:
            left_s = start + (min(asked_s, wait_s) if self._nudged else wait_s) - monotonic()
            if left_s <= 0 and feed.closed:
                return
            await self._pause(left_s if left_s > 0 else inf)

    async def _close(self) -> None:
        if feed := self._feed:
            feed.stop()
            until = monotonic() + CLOSE_S
            while not feed.closed and (left_s := until - monotonic()) > 0:
                await self._pause(left_s)
            feed.abandon()

    async def _pause(self, within_s: float) -> None:
        """Until something happens, or the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if within_s == inf else within_s):
                await self._woken.wait()
        self._woken.clear()

    def _say(self, state: State, error: str) -> None:
        """While it connects, why it was down before is the best that is known."""
        before = self.status()
        error = before.error if state == "connecting" else mask(error)
        since = before.since if before.state == state else time()
        back = state == "live" and before.state == "connecting" and self._lived
        self._lived = self._lived or state == "live"
        self._status = msgspec.structs.replace(
            before,
            state=state,
            error=error,
            since=since,
            instance="",
            fps=0.0,
            fps_in=0.0,
            reconnects=before.reconnects + back,
        )
        self._log(self.status())
        self._changed()

    def _log(self, status: CameraStatus) -> None:
        """Once per change, not once per attempt."""
        if status.state == "connecting" or self._logged == (status.state, status.error):
            return
        self._logged = status.state, status.error
        if status.state == "live":
            size = f"{status.width}x{status.height}"
            log.info("camera live id=%s size=%s codec=%s", status.id, size, status.codec)
        else:
            log.warning("camera %s id=%s reason=%r", status.state, status.id, status.error)

"""Takes to one target what is in its inbox, until it has it or it can never have it."""

import asyncio
import logging
from collections.abc import Set as AbstractSet
from time import monotonic, time

from alerts.inbox import Entry, Inbox
from alerts.waiting import Next, Patience, Waiting
from alerts.way import Delivery, Refused, Target, Undelivered, Way
from bus.rules import EVERY
from bus.tasks import background
from bus.times import utc

log = logging.getLogger(__name__)


class Names:
    """Of the targets there are; each other one that a rule names is logged once."""

    def __init__(self, known: AbstractSet[str]) -> None:
        self._known = {*known, EVERY}

    def check(self, wanted: AbstractSet[str]) -> None:
        for name in wanted - self._known:
            log.warning("event for a target that is not set target=%s", name)
            self._known.add(name)


class Courier:
    def __init__(
        self, target: Target, inbox: Inbox, way: Way, patience: Patience, known: Names
    ) -> None:
        self._target, self._inbox, self._way, self._names = target, inbox, way, known
        self._patience, self._waiting = patience, Waiting(patience)
        self._more = asyncio.Event()
        self._failing = False

    async def run(self) -> None:
        """Until cancelled."""
        async with background(self._collect()):
            while True:
                await self._step()

    async def _collect(self) -> None:
        while True:
            found = await self._inbox.read(self._waiting)
            others = [entry.id for entry in found if not self._is_mine(entry)]
            for entry in found:
                self._names.check(entry.targets)
                if entry.id not in others:
                    self._waiting.add(entry.id, entry.event.id, monotonic())
            self._more.set()
            if found:
                await self._inbox.settle(others, about={"waiting": str(len(self._waiting))})

    def _is_mine(self, entry: Entry) -> bool:
        is_wanted = bool({EVERY, self._target.name} & entry.targets)
        return is_wanted and entry.event.type in self._target.events

    async def _step(self) -> None:
        """Deliver the next event if it is due; else wait until it is, or another one comes."""
        following = self._waiting.first()
        wait_s = following.due - monotonic() if following else None
        if following and wait_s is not None and wait_s <= 0:
            await self._try(following)
            return
        try:
            async with asyncio.timeout(wait_s):
                await self._more.wait()
        except TimeoutError:
            pass
        self._more.clear()

    async def _try(self, following: Next) -> None:
        entry = await self._inbox.get(following.entry)
        if not entry:
            await self._drop(following.entry, "it is cut off the log")
        elif time() - entry.at > self._patience.keep_s:
            await self._drop(entry.id, "it is too old")
        else:
            await self._deliver(Delivery(entry.id, entry.event, entry.body, following.attempt))

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            await self._way.deliver(delivery)
        except Refused as error:
            self._waiting.answered()
            await self._drop(delivery.id, str(error))
        except Undelivered as error:
            await self._fail(delivery, error)
        else:
            self._waiting.answered()
            await self._count("delivered", delivery.id, {"delivered_at": utc(time()), "error": ""})
            self._note("", delivery.id)

    async def _fail(self, delivery: Delivery, error: Undelivered) -> None:
        self._waiting.failed(delivery.id, monotonic(), error.after_s)
        await self._count("failed", "", {"error_at": utc(time()), "error": str(error)})
        self._note(str(error), delivery.id)

    async def _drop(self, entry: str, reason: str) -> None:
        log.warning("event dropped target=%s id=%s reason=%s", self._target.name, entry, reason)
        await self._count("dropped", entry, {"error_at": utc(time()), "error": reason})

    async def _count(self, counter: str, settled: str, about: dict[str, str]) -> None:
        left = len(self._waiting) - bool(settled)
        await self._inbox.settle(
            [settled] if settled else [], counter, {**about, "waiting": str(left)}
        )
        if settled:
            self._waiting.settle(settled)

    def _note(self, reason: str, entry: str) -> None:
        """Log a change, not every try."""
        if reason and not self._failing:
            log.warning(
                "delivery failed target=%s id=%s reason=%s", self._target.name, entry, reason
            )
        elif not reason:
            again = " again" if self._failing else ""
            log.info("event delivered%s target=%s id=%s", again, self._target.name, entry)
        self._failing = bool(reason)

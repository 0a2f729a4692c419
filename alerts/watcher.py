"""
Watches the cameras that rules are about: one task per camera, one job at a time for each.

All rules due on a frame are asked in one job, so its picture is encoded once. What a chat
does meanwhile changes nothing here; it only goes first.
"""

import asyncio
import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from time import monotonic, time

import msgspec
from redis.exceptions import RedisError

from alerts.book import Book
from alerts.describing import Describer
from alerts.events import Place, Seen, decide, is_waiting, standing_for, stopped
from alerts.judging import Judges
from alerts.pace import Pace
from alerts.store import Store
from bus.alerts import Standing
from bus.cameras import Cameras
from bus.errors import LookoutError
from bus.messages import FrameDescriptor, Judged
from bus.rules import EVERY, Rule
from bus.subscriber import FrameSubscriber
from bus.tasks import background

log = logging.getLogger(__name__)

GLANCE_S = 1.0  # how long to wait for a frame before looking at the rules again
AGAIN_S = 1.0  # after a failure


@dataclass(frozen=True)
class Tools:
    """What watching takes, for the time that this process leads."""

    cameras: Cameras
    frames: FrameSubscriber
    judges: Judges
    store: Store
    book: Book
    describer: Describer


class Watcher:
    """`run` while this process leads."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._standings: dict[tuple[str, str], Standing] = {}

    async def run(self) -> None:
        """Raise `NotLeading` when another process writes."""
        while True:
            try:
                await self._tools.book.read()
                self._standings = await self._tools.store.standings()
                break
            except RedisError:
                await asyncio.sleep(AGAIN_S)
        async with background(self._tools.book.run()), asyncio.TaskGroup() as group:
            while True:
                try:
                    await self._round(group)
                except RedisError:
                    log.warning("redis lost, rules rest")
                await self._tools.book.changed()

    async def _round(self, group: asyncio.TaskGroup) -> None:
        """A task for each camera that a rule is about; nothing stands where none is."""
        places = {spec.id: Place(spec.id, spec.name) for spec in await self._tools.cameras.wanted()}
        watched = {p: place for p, place in places.items() if self._rules(p)}
        for camera in self._tasks.keys() - watched.keys():
            self._tasks.pop(camera).cancel()
        for camera, place in watched.items():
            if camera not in self._tasks:
                watch = CameraWatch(self._tools, place, self._standings)
                self._tasks[camera] = group.create_task(watch.run())
        for standing in list(self._standings.values()):
            rule = self._tools.book.get(standing.rule)
            is_over = rule is None or standing.camera not in places
            if is_over or not _is_judged(standing, self._rules(standing.camera)):
                await self._stop(standing, rule, keep=not is_over)

    def _rules(self, camera: str) -> list[Rule]:
        return self._tools.book.watching(camera, time())

    async def _stop(self, standing: Standing, rule: Rule | None, keep: bool) -> None:
        """It is not judged there now: its alert, if there is one, is over."""
        outcome = stopped(standing, time())
        if keep and outcome.after == standing:
            return
        after = outcome.after if keep else None
        targets = rule.targets if rule else (EVERY,)
        await self._tools.store.commit(standing, after, outcome.event, targets)
        key = standing.rule, standing.camera
        if after:
            self._standings[key] = after
        else:
            self._standings.pop(key, None)


class CameraWatch:
    """One camera and the rules about it."""

    def __init__(
        self, tools: Tools, place: Place, standings: dict[tuple[str, str], Standing]
    ) -> None:
        self._tools, self._place, self._standings = tools, place, standings
        self._paces: dict[str, Pace] = {}
        self._last = 0.0  # unix s: when the last frame we saw was captured

    async def run(self) -> None:
        while True:
            rules = self._tools.book.watching(self._place.id, time())
            try:
                await self._look(rules)
            except LookoutError as error:
                await self._explain(rules, str(error))
                await self._tools.cameras.changed(self._place.id, AGAIN_S)
            except RedisError:
                await asyncio.sleep(AGAIN_S)

    async def _look(self, rules: list[Rule]) -> None:
        """Wait for a frame, and judge the rules that are due on it."""
        frame = await self._tools.frames.glance(self._place.id, GLANCE_S, self._last)
        if frame is None:
            return
        self._last = frame.captured_at
        now = monotonic()
        due = [rule for rule in rules if self._is_due(rule, frame, now)]
        for _, alike in groupby(sorted(due, key=_kind), key=_kind):
            await self._judge(list(alike), frame)

    def _is_due(self, rule: Rule, frame: FrameDescriptor, now: float) -> bool:
        pace = self._paces.setdefault(rule.id, Pace())
        waiting = is_waiting(self._standings.get((rule.id, self._place.id)))
        return pace.see(rule, frame.motion, now, waiting)

    async def _judge(self, rules: list[Rule], frame: FrameDescriptor) -> None:
        for rule in rules:
            self._paces[rule.id].judged(rule, frame.motion, monotonic())
        model = await self._tools.judges.model(rules[0])
        job, judged = await self._tools.judges.judge(model, self._place.id, rules)
        self._last = max(self._last, judged.frames[-1].captured_at)
        for rule, score in zip(rules, judged.scores, strict=True):
            await self._decide(rule, self._seen(judged, score, model), job)

    def _seen(self, judged: Judged, score: float | None, model: str) -> Seen:
        return Seen(score, judged.by, judged.frames[-1], model, judged.timings, judged.evidence)

    async def _decide(self, rule: Rule, seen: Seen, job: str) -> None:
        key = rule.id, self._place.id
        alert = f"alert-{secrets.token_hex(8)}"
        outcome = decide(rule, self._place, self._standings.get(key), seen, time(), alert)
        pace = self._paces[rule.id]
        after = msgspec.structs.replace(
            outcome.after, every_s=round(pace.every_s, 2), skipped=pace.skipped
        )
        event = outcome.event
        await self._tools.store.commit(outcome.before, after, event, rule.targets, evidence=job)
        self._standings[key] = after
        if event:
            log.info("alert %s id=%s rule=%s camera=%s", event.type, event.id, *key)
            if event.type == "fired" and rule.describe:
                self._tools.describer.describe(rule, event)

    async def _explain(self, rules: Iterable[Rule], error: str) -> None:
        """Say in each standing why it is not judged now; once."""
        for rule in rules:
            key = rule.id, self._place.id
            before = self._standings.get(key)
            if before and before.error == error:
                continue
            after = msgspec.structs.replace(
                before or standing_for(rule, self._place.id), error=error
            )
            await self._tools.store.commit(before, after)
            self._standings[key] = after


def _kind(rule: Rule) -> tuple[str, int, float]:
    """Rules of one kind are judged in one job: they want the same frames of the same model."""
    return rule.model, rule.frames, rule.span_s


def _is_judged(standing: Standing, rules: Iterable[Rule]) -> bool:
    """Whether one of *rules* goes on from *standing*; with another question it begins anew."""
    return any((one.id, one.question) == (standing.rule, standing.question) for one in rules)

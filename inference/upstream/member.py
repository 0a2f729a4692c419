"""One of the servers behind a model's name: whether it may be trusted with a request."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from bus.errors import BadJob, LookoutError
from inference.engine import EngineLost
from inference.supervised import backoff
from inference.upstream.client import Model, Upstream, named
from inference.upstream.endpoint import BY_OWNER, COMPATIBLE
from inference.upstream.exchange import Unlisted
from inference.upstream.failures import Unusable

log = logging.getLogger(__name__)

# suspect: it has failed once, which may have been a connection that was idle for too long
State = Literal["ready", "suspect", "down"]


class Member:
    """`watch` must run beside: it asks a server that has failed until it is there again."""

    def __init__(self, upstream: Upstream, recognise: bool, probing: bool) -> None:
        self.upstream = upstream
        self.state: State = "down"
        self.why = f"{upstream.endpoint.place} has not been asked yet"
        self.retry_after_s: float | None = None  # as it said when it failed
        self.busy = 0
        self.known = False  # whether it has ever been ready
        self._doubtful = False  # it has failed and not answered a question since
        self._wanted = upstream.endpoint.model
        self._recognise, self._probing = recognise, probing
        self._era = 0  # grows with each change of state
        self._troubled = asyncio.Event()
        self._delays = backoff()

    @property
    def preference(self) -> tuple[bool, int, bool]:
        """The less, the better."""
        return self.state != "ready", self.busy, self._doubtful

    @contextmanager
    def used(self) -> Iterator[None]:
        """The block asks the server something; how that ends is noted."""
        era = self._era
        self.busy += 1
        try:
            yield
        except (EngineLost, Unusable) as error:
            if era == self._era:  # else it is the failure that we know of
                self._fail(error)
            raise
        else:
            if era == self._era:
                self._doubtful = False
                self._delays = backoff()
        finally:
            self.busy -= 1

    async def watch(self, ready: asyncio.Event) -> None:
        """Ask at once, and again after each failure; set *ready* when it is there."""
        while True:
            try:
                await self._attach()
            except LookoutError as error:
                self._fail(error)
            else:
                self._become("ready", "")
                ready.set()
                await self._troubled.wait()
            await asyncio.sleep(next(self._delays))

    def _fail(self, error: LookoutError) -> None:
        self._doubtful, self.retry_after_s = True, error.retry_after_s
        first = self.state == "ready" and isinstance(error, EngineLost)
        self._become("suspect" if first else "down", str(error))

    def _become(self, state: State, why: str) -> None:
        changed = state != self.state or (state == "down" and why != self.why)
        self.state, self.why = state, why
        if state == "ready":
            self.known = True
            self._troubled.clear()
        else:
            self._troubled.set()
        if changed:
            self._era += 1
            level = logging.INFO if state == "ready" else logging.WARNING
            place, model = self.upstream.endpoint.place, self.upstream.endpoint.model
            log.log(level, "server %s place=%s model=%s %s", state, place, model, why)

    async def _attach(self) -> None:
        """Find the model there, and what can be done with it; raise what is in the way."""
        model = self._choose(await self._listed())
        was_away = self.known and self.state == "down"
        self.upstream.endpoint = replace(self.upstream.endpoint, model=model.id)
        if self._recognise:
            self.upstream.dialect = BY_OWNER.get(model.owned_by or "", COMPATIBLE)
        if self._probing:
            try:
                await self.upstream.probe(anew=was_away)
            except BadJob as error:
                log.warning("server abilities unknown model=%s error=%s", model.id, error)

    async def _listed(self) -> Sequence[Model]:
        try:
            return await self.upstream.listed()
        except Unlisted:
            if not self._wanted:
                raise
            return [Model(self._wanted)]

    def _choose(self, models: Sequence[Model]) -> Model:
        place, has = self.upstream.endpoint.place, named([model.id for model in models])
        if not self._wanted:
            if len(models) == 1:
                return models[0]
            raise Unusable(f"{place}: write #model behind the engine's URL; {has}")
        for model in models:
            if model.id in (self._wanted, f"{self._wanted}:latest"):
                return model
        if len(models) == 1 and BY_OWNER.get(models[0].owned_by or "", COMPATIBLE).any_model:
            return Model(self._wanted, models[0].owned_by)
        raise Unusable(f"{place} has no model {self._wanted!r}; {has}")

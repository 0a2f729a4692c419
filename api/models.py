"""Which models are served: a picture of the live workers, renewed every second."""

import asyncio
import logging
from time import monotonic

from fastapi import APIRouter, Request
from redis.asyncio import Redis
from starlette.responses import Response

from api.errors import Json
from api.shapes.models import Model, ModelList
from api.shapes.stating import answer, refusals
from bus.errors import ModelLoading, Unavailable, UnknownModel
from bus.redis import AWAY, translated
from bus.workers import NO_NAMES, WorkerInfo, live_workers

log = logging.getLogger(__name__)

RENEW_S = 1.0
GRACE_S = 15.0  # a model whose worker is gone is still asked: a restarted one takes the jobs


class Models:
    """`run` must run beside."""

    def __init__(self, redis: Redis, default: str) -> None:
        self._redis, self._default = redis, default
        self.workers: list[WorkerInfo] = []
        self._ready_at: dict[str, float] = {}  # model -> when a worker was last seen ready

    async def run(self) -> None:
        while True:
            try:
                await self._renew()
            except AWAY:
                log.warning("redis lost, models unknown")
            await asyncio.sleep(RENEW_S)

    async def _renew(self) -> None:
        self.workers = await live_workers(self._redis)
        now = monotonic()
        self._ready_at |= {w.model: now for w in self.workers if w.state == "ready"}
        self._ready_at = {m: at for m, at in self._ready_at.items() if now - at < GRACE_S}

    @property
    def served(self) -> list[str]:
        """Models that answer, by name."""
        return sorted(self._ready_at)

    async def resolve(self, name: str | None) -> str:
        """
        The model that *name* means; None, "" and "default" mean the default one.

        Raise `UnknownModel`, `ModelLoading`, `Unavailable`.
        """
        is_default = name in NO_NAMES
        wanted = self._default if is_default else name
        if wanted not in self._ready_at and not (not wanted and self._ready_at):
            async with translated():
                await self._renew()  # perhaps it has just come
        if wanted in self._ready_at:
            return wanted
        if not wanted and self._ready_at:
            return self.served[0]
        return self._refuse(wanted, is_default)

    def _refuse(self, wanted: str | None, is_default: bool) -> str:
        loading = sorted({w.model for w in self.workers if w.state == "loading"})
        if wanted in loading or (not wanted and loading):
            raise ModelLoading(f"the model {wanted or loading[0]} is loading: try again shortly")
        if not self.workers:
            raise Unavailable("no model is being served: is the inference process running?")
        if is_default:
            raise Unavailable(f"the default model {wanted} is not being served")
        raise UnknownModel(
            f"The model `{str(wanted)[:80]}` does not exist here: "
            f"choose one of {', '.join(self.served) or 'none, for none is ready'}",
            param="model",
        )


router = APIRouter(tags=["models"])


def _describe(models: Models, name: str) -> dict[str, object]:
    ready = [w for w in models.workers if w.model == name and w.state == "ready"]
    serving = {
        "abilities": sorted({ability for w in ready for ability in w.abilities.split()}),
        "workers": len(ready),
        "slots": sum(w.slots for w in ready),
    }
    return {
        "id": name,
        "object": "model",
        "created": int(min((w.started for w in ready), default=0.0)),
        "owned_by": "lookout",
        "lookout": serving,
    }


@router.get(
    "/models",
    summary="List the models that answer",
    responses=answer(ModelList, "Those that workers have ready."),
)
async def list_models(request: Request) -> Response:
    models: Models = request.app.state.models
    return Json({"object": "list", "data": [_describe(models, name) for name in models.served]})


@router.get(
    "/models/{model:path}",
    summary="Tell about a model",
    responses={
        **answer(Model, "It answers."),
        **refusals(UnknownModel, ModelLoading, Unavailable),
    },
)
async def get_model(request: Request, model: str) -> Response:
    """`default` is the one that answers who names none."""
    models: Models = request.app.state.models
    return Json(_describe(models, await models.resolve(model)))

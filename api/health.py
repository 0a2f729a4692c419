"""Is this process alive; can the whole answer a question."""

import asyncio

from fastapi import APIRouter, Request
from redis.asyncio import Redis
from starlette.responses import Response

from api.errors import Json
from api.models import Models
from api.shapes.health import Live, Ready
from api.shapes.stating import answer
from bus.redis import AWAY
from bus.workers import WorkerInfo

PING_S = 1.0

router = APIRouter(tags=["operation"])


@router.get(
    "/health/live", summary="Say whether this process lives", responses=answer(Live, "Yes.")
)
async def get_liveness() -> Response:
    return Json({"status": "live"})


@router.get(
    "/health/ready",
    summary="Say whether a question would be answered",
    responses={**answer(Ready, "Yes."), **answer(Ready, "Not yet, or no more.", 503)},
)
@router.head("/health/ready", include_in_schema=False)
async def get_readiness(request: Request) -> Response:
    """200 once Redis answers and a model is loaded; 503 with what is missing until then."""
    redis: Redis = request.app.state.redis
    models: Models = request.app.state.models
    try:
        async with asyncio.timeout(PING_S):
            await redis.ping()
        answers = "ok"
    except (TimeoutError, *AWAY):
        answers = "no answer"
    workers = [_describe(worker) for worker in models.workers]
    is_ready = answers == "ok" and any(w.state == "ready" for w in models.workers)
    content = {
        "status": "ready" if is_ready else "not ready",
        "detail": "healthy" if is_ready else "not ready",
        "redis": answers,
        "workers": workers,
    }
    return Json(content, 200 if is_ready else 503)


def _describe(worker: WorkerInfo) -> dict[str, object]:
    told: dict[str, object] = {
        name: getattr(worker, name) for name in ("id", "model", "state", "slots", "busy")
    }
    return {**told, "note": worker.note} if worker.note and worker.state == "loading" else told

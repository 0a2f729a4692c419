"""Is this process alive; can the whole answer a question."""

import asyncio

from fastapi import APIRouter, Request
from redis.asyncio import Redis
from starlette.responses import Response

from api.errors import Json
from api.models import Models
from bus.redis import AWAY

PING_S = 1.0

router = APIRouter()


@router.get("/health/live")
async def live() -> Response:
    return Json({"status": "live"})


@router.get("/health/ready")
@router.head("/health/ready", include_in_schema=False)
async def ready(request: Request) -> Response:
    """200 once Redis answers and a model is loaded; 503 with what is missing until then."""
    redis: Redis = request.app.state.redis
    models: Models = request.app.state.models
    try:
        async with asyncio.timeout(PING_S):
            await redis.ping()
        answers = "ok"
    except (TimeoutError, *AWAY):
        answers = "no answer"
    workers = [
        {"id": w.id, "model": w.model, "state": w.state, "slots": w.slots, "busy": w.busy}
        for w in models.workers
    ]
    is_ready = answers == "ok" and any(w.state == "ready" for w in models.workers)
    content = {
        "status": "ready" if is_ready else "not ready",
        "detail": "healthy" if is_ready else "not ready",
        "redis": answers,
        "workers": workers,
    }
    return Json(content, 200 if is_ready else 503)

"""The FastAPI application: which route is where, and what they share."""

from fastapi import FastAPI

from api import (
    alert_metrics,
    alert_sse,
    alert_ws,
    alerts,
    cameras,
    chat,
    errors,
    health,
    legacy_alerts,
    live_stream,
    models,
    preview,
    rules,
)
from api.limits import LimitBody
from api.settings import ApiSettings

ALERTS = (alert_ws, alert_sse, alerts, legacy_alerts)  # fixed paths before ids


def build(settings: ApiSettings) -> FastAPI:
    app = FastAPI(
        title="Lookout",
        description="Questions about live cameras, in OpenAI's format.",
        version="0.1.0",
    )
    app.state.settings = settings
    for prefix in ("/v1", "/api/v1"):  # the second one as the ancestor had it
        app.router.routes.extend(chat.routes(prefix))
        visible = prefix == "/v1"
        for part in (chat, models, preview, cameras, live_stream, rules, *ALERTS, health):
            app.include_router(part.router, prefix=prefix, include_in_schema=visible)
    app.include_router(health.router)
    app.include_router(alert_metrics.router)
    app.add_middleware(LimitBody, size_bytes=round(settings.max_body_mb * 2**20))
    errors.install(app)
    return app

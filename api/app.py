"""The FastAPI application: which route is where, what they share, and what stands before them."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

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
    openapi,
    preview,
    rules,
)
from api.keys import RequireKey
from api.limits import LimitBody, TurnAway
from api.rates import LimitRates, Rates
from api.responses import route as responses
from api.settings import ApiSettings
from api.tracing import Traced
from bus.keys import Keys

ASKED = (chat, responses)
ALERTS = (alert_ws, alert_sse, alerts, legacy_alerts)  # fixed paths before ids
# What a page of another origin may read of an answer, beside its body.
TOLD = (
    *("x-request-id", "openai-processing-ms", "retry-after"),
    *(f"x-ratelimit-{name}-requests" for name in ("limit", "remaining", "reset")),
)


def build(settings: ApiSettings) -> FastAPI:
    app = FastAPI(**openapi.ABOUT)
    app.state.settings = settings
    for prefix in ("/v1", "/api/v1"):  # the second one as the ancestor had it
        app.router.routes.extend(chat.routes(prefix))
        visible = prefix == "/v1"
        for part in (*ASKED, models, preview, cameras, live_stream, rules, *ALERTS, health):
            told = visible and part is not health
            app.include_router(part.router, prefix=prefix, include_in_schema=told)
    app.include_router(health.router)
    app.include_router(alert_metrics.router)
    errors.install(app)
    openapi.install(app)
    return app


def enclose(app: ASGIApp, settings: ApiSettings, keys: Keys | None, rates: Rates | None) -> ASGIApp:
    """*app* behind everything that a request must pass; the last one is the first it meets."""
    app = LimitBody(app, round(settings.max_body_mb * 2**20), settings.receive_timeout_s)
    if rates:
        app = LimitRates(app, rates)
    if keys:
        app = RequireKey(app, keys)
    app = TurnAway(app)
    if settings.cors_origins:  # before the key: a browser asks without one whether it may ask
        app = CORSMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=TOLD,
        )
    return Traced(app)

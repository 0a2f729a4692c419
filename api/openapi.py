"""
The API's document, `/openapi.json`: what the routes state, and what all of them share.

It is made once, in a thread, and then only handed out.
"""

import asyncio
from functools import cache
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from api.errors import RequestTimeout, RequestTooLarge
from api.keys import OPEN, VIEWED
from api.shapes.components import components
from api.shapes.stating import refusals
from bus.errors import BadJob, LookoutError, RateLimited, Unauthorized

Document = dict[str, Any]

DESCRIPTION = """
Questions about live cameras, in OpenAI's format.

Alert events come over a WebSocket too, at `/v1/alerts/ws`.
What all of this is about is told in README.md and the directory docs of the source code.
"""
TAGS = {
    "chat": "Conversations whose pictures may be live cameras.",
    "models": "What answers.",
    "cameras": "Which cameras there are, and what they show.",
    "rules": "Questions that are asked of cameras again and again.",
    "alerts": "What has fired.",
    "operation": "Health and metrics.",
    "compatibility": "As the ancestor's clients know it; new ones use the other routes.",
}
ABOUT: dict[str, Any] = {
    "title": "Lookout",
    "description": DESCRIPTION.strip(),
    "version": "0.1.0",
    "servers": [{"url": "/"}],
    "openapi_tags": [{"name": name, "description": text} for name, text in TAGS.items()],
    "generate_unique_id_function": lambda route: route.name,
}
MODULES = {
    "api__chat_request": "Chat",
    "api__schemas": "Chat",
    "api__responses__schemas": "Response",
}
SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "One of the server's keys; a server without any asks for none.",
    },
    "key_in_url": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "The same, for what opens a URL and cannot send a header.",
    },
}


def install(app: FastAPI) -> None:
    """Serve the document of *app* in place of what FastAPI would serve."""

    @cache
    def document() -> Document:
        return _document(app)

    @cache
    def rendered() -> bytes:
        return msgspec.json.encode(app.openapi())

    async def serve(request: Request) -> Response:
        return Response(await asyncio.to_thread(rendered), media_type="application/json")

    app.openapi = document  # type: ignore[method-assign] # as FastAPI's documentation does
    routes: list[BaseRoute] = app.router.routes
    routes.insert(0, Route("/openapi.json", serve))


def _document(app: FastAPI) -> Document:
    made = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        servers=app.servers,
    )
    schemas: Document = made["components"]["schemas"]
    for ours in ("HTTPValidationError", "ValidationError"):  # FastAPI's, which nobody answers
        schemas.pop(ours, None)
    schemas.update(components())
    made["components"]["securitySchemes"] = SCHEMES
    made = _renamed(made)
    for path, methods in made["paths"].items():
        for operation in methods.values():
            _complete(operation, path)
    return made


def _renamed(document: Document) -> Document:
    """Without the names of modules in those of schemas that two modules have."""
    text = msgspec.json.encode(document).decode()
    for module, prefix in MODULES.items():
        text = text.replace(f"{module}__", prefix)
    found: Document = msgspec.json.decode(text)
    for name, schema in found["components"]["schemas"].items():
        schema["title"] = name  # which is what generators call a class
    return found


def _complete(operation: Document, path: str) -> None:
    """Say in *operation* what holds for every route."""
    answers: Document = operation["responses"]
    answers.pop("422", None)  # a 400 in fact
    if OPEN.fullmatch(path):
        return
    operation["security"] = [{}, {"key": []}]
    if VIEWED.fullmatch(path):
        operation["security"].append({"key_in_url": []})
    for status, answer in refusals(Unauthorized, RateLimited, *_mistakes(operation)).items():
        stated = answers.setdefault(str(status), answer)
        if stated is not answer and answer["description"] not in stated["description"]:
            stated["description"] += f", {answer['description']}"
    operation["responses"] = dict(sorted(answers.items()))


def _mistakes(operation: Document) -> tuple[type[LookoutError], ...]:
    """What can be wrong with a request before anybody looks at what it means."""
    if "requestBody" in operation:
        return BadJob, RequestTooLarge, RequestTimeout
    in_query = any(one["in"] == "query" for one in operation.get("parameters", ()))
    return (BadJob,) if in_query else ()

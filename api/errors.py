"""Every failure as an OpenAI error object with the right status; payloads are never echoed."""

import logging
from collections.abc import Sequence

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from bus.errors import BadJob, LookoutError, Unauthorized

log = logging.getLogger(__name__)

# By `code`; tests/api/test_errors.py keeps it complete.
STATUS = {
    "bad_settings": 500,
    "invalid_api_key": 401,
    "bad_request": 400,
    "model_not_found": 404,
    "camera_not_found": 404,
    "camera_exists": 409,
    "rule_not_found": 404,
    "rule_exists": 409,
    "alert_not_found": 404,
    "snapshot_not_found": 404,
    "response_not_found": 404,
    "previous_response_not_found": 400,  # as OpenAI has it
    "item_not_found": 404,
    "not_implemented": 501,
    "bad_image": 400,
    "image_too_large": 413,
    "request_too_large": 413,
    "request_timeout": 408,
    "context_length_exceeded": 400,
    "unsupported": 400,
    "camera_error": 502,
    "camera_timeout": 504,
    "camera_stale": 503,
    "engine_error": 502,
    "invalid_output": 502,
    "unavailable": 503,
    "model_loading": 503,
    "overloaded": 429,
    "rate_limit_exceeded": 429,
    "deadline_exceeded": 504,
    "internal": 500,
}

MAX_NAME = 100  # characters of a name or path that a message repeats
NO_JSON = "the body is not valid JSON"
REASONS = {  # where we say it better
    "extra_forbidden": "this field is not known",
    "missing": "this field is required",
    "model_attributes_type": "this must be an object",
    "model_type": "this must be an object",
    "string_unicode": "this is not valid Unicode",
}


class RequestTooLarge(BadJob):
    code = "request_too_large"


class RequestTimeout(BadJob):
    code = "request_timeout"


class UnknownResponse(BadJob):
    code = "response_not_found"


class UnknownPrevious(BadJob):
    code = "previous_response_not_found"


class UnknownItem(BadJob):
    code = "item_not_found"


class Json(Response):
    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return msgspec.json.encode(content)


def body(error: LookoutError) -> dict[str, object]:
    """The error object, as it stands in an answer or in an event of a stream."""
    status = STATUS[error.code]
    kind = {404: "invalid_request_error", 429: "rate_limit_error"}.get(
        status, "invalid_request_error" if status < 500 else "server_error"
    )
    return {
        "error": {"message": str(error), "type": kind, "param": error.param, "code": error.code}
    }


def response(error: LookoutError) -> Response:
    headers = {}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = "Bearer"
    return Json(body(error), STATUS[error.code], headers)


def _explain(error: RequestValidationError) -> LookoutError:
    """The first thing that is wrong, and where."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return BadJob(NO_JSON)
    param = path(first["loc"])[:MAX_NAME] or None
    if param is None and first["type"] in ("model_attributes_type", "dict_type", "missing"):
        return BadJob("the body must be a JSON object: set Content-Type: application/json")
    reason = REASONS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    return BadJob(f"{param}: {reason}" if param else reason, param=param)


def path(location: Sequence[str | int]) -> str:
    """`("body", "stop", "$list", 1, "text")` as `stop[1].text`; marks are left out."""
    inner = location[1:] if location and location[0] in ("body", "query") else location
    steps = [step for step in inner if not str(step).startswith("$")]
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.lstrip(".")


def install(app: FastAPI) -> None:
    @app.exception_handler(LookoutError)
    async def ours(request: Request, error: LookoutError) -> Response:
        return response(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return response(_explain(error))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 400:  # FastAPI, of a body that is nested too deep or not UTF-8
            return response(BadJob(NO_JSON))
        message = f"{request.method} {request.url.path[:MAX_NAME]}: {error.detail}"
        content = {
            "error": {
                "message": message,
                "type": "invalid_request_error",
                "param": None,
                "code": "not_found" if error.status_code == 404 else None,
            }
        }
        return Json(content, error.status_code, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("request crashed path=%s", request.url.path, exc_info=error)
        return response(LookoutError("something went wrong here; the log says what"))

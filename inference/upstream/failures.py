"""What servers say when they refuse or fail, as errors of ours. Pure."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

import msgspec

from bus.errors import BadJob, ContextTooLong, EngineError, LookoutError, Overloaded
from inference.engine import EngineLost
from inference.upstream.endpoint import Endpoint

MOST_CHARACTERS = 500  # of what a server says that we repeat
MOST_RETRY_S = 60.0
TOO_LONG = re.compile(
    r"context.{0,8}(length|size|window)|maximum model length"
    r"|input length limit|prompt.{0,8}too long",
    re.IGNORECASE,
)
CODES_TOO_LONG = ("context_length_exceeded", "exceed_context_size_error")
TAG = re.compile(r"<(script|style|head)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
SPACE = re.compile(r"\s+")

# What the `type` of an error in the middle of a stream, which has no status, would have had.
STATUS = {
    "invalid_request_error": 400,
    "BadRequestError": 400,
    "exceed_context_size_error": 400,
    "authentication_error": 401,
    "rate_limit_error": 429,
    "unavailable_error": 503,
}


class Unusable(EngineError):
    """This server can do nothing for us until somebody puts something right."""


BAD_JOB = (400, 406, 411, 413, 414, 415, 422)
KINDS: dict[int, type[EngineError]] = {
    **dict.fromkeys((401, 402, 403, 404, 405, 410), Unusable),
    **dict.fromkeys((502, 503, 504), EngineLost),
}


class Complaint(msgspec.Struct, frozen=True):
    """The error object that most servers send, in one of several wrappings."""

    message: str = ""
    type: str = ""
    param: str | None = None
    code: str = ""


def refusal(
    endpoint: Endpoint, status: int, body: bytes, headers: Mapping[str, str] = {}
) -> LookoutError:
    """The error that an answer with *status* and *body* is."""
    return _error(endpoint, status, complaint(body), headers)


def failure(endpoint: Endpoint, error: object) -> LookoutError:
    """The error that stands in the middle of a stream."""
    said = _read(error)
    status = STATUS.get(said.type, 500)
    if said.code.isdecimal() and 400 <= int(said.code) < 600:
        status = int(said.code)
    return _error(endpoint, status, said, {})


def complaint(body: bytes) -> Complaint:
    """What *body* says, be it JSON, a proxy's page, or nothing."""
    try:
        said: Any = msgspec.json.decode(body)
        if isinstance(said, str) and said.startswith("{"):  # MLC's, packed twice
            said = msgspec.json.decode(said)
    except msgspec.DecodeError:
        text = TAG.sub(" ", body.decode(errors="replace"))
        return Complaint(_short(text))
    if isinstance(said, dict) and "error" in said:
        said = said["error"]
    elif isinstance(said, dict) and "detail" in said:
        said = said["detail"]
    return _read(said)


def _read(said: object) -> Complaint:
    match said:
        case str():
            return Complaint(_short(said))
        case dict():
            param = said.get("param")
            return Complaint(
                _short(said.get("message") or said.get("msg") or ""),
                str(said.get("type") or ""),
                param[:100] if isinstance(param, str) and param else None,
                str(said.get("code") or ""),
            )
        case [dict() as first, *_]:  # FastAPI's list of what is wrong with the body
            at = ".".join(str(step) for step in first.get("loc", ()) if step != "body")
            return Complaint(_short(f"{at}: {first.get('msg')}"), param=at[:100] or None)
    return Complaint()


def _error(
    endpoint: Endpoint, status: int, said: Complaint, headers: Mapping[str, str]
) -> LookoutError:
    text = _without_key(said.message, endpoint) or f"it answers with status {status}"
    message, wait_s = f"{endpoint.place}: {text}", _retry_after_s(headers)
    if said.code == "insufficient_quota":
        return Unusable(message)
    if status in (400, 413, 422, 500) and _too_long(said):
        return ContextTooLong(message, param="messages")
    if status == 429:
        return Overloaded(message, retry_after_s=wait_s)
    if status in BAD_JOB:
        return BadJob(message, param=said.param)
    if status in (401, 403):
        message = f"{endpoint.place} refuses our key: set {endpoint.key_env} ({text})"
    elif 300 <= status < 400:
        to = headers.get("location", "elsewhere")[:MOST_CHARACTERS]
        message = f"{endpoint.place} sends us to {to}: put that address in its place"
    kind = KINDS.get(status, Unusable if status < 400 else EngineError)
    return kind(message, retry_after_s=wait_s)


def _too_long(said: Complaint) -> bool:
    known = said.code in CODES_TOO_LONG or said.type in CODES_TOO_LONG
    return known or bool(TOO_LONG.search(said.message))


def _without_key(text: str, endpoint: Endpoint) -> str:
    return text.replace(endpoint.key, "***") if endpoint.key else text


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, told as a number or as a date; None if neither is told."""
    text = headers.get("retry-after", "")
    try:
        wait_s = float(text) if text[:1].isdigit() else parsedate_to_datetime(text).timestamp()
        wait_s -= 0 if text[:1].isdigit() else time()
    except ValueError:
        return None
    return min(max(wait_s, 1.0), MOST_RETRY_S)


def _short(text: object) -> str:
    plain = SPACE.sub(" ", str(text)).strip()
    return plain if len(plain) <= MOST_CHARACTERS else plain[:MOST_CHARACTERS] + " …"

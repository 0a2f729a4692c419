"""`/v1/rules`: the questions that are asked of cameras again and again, and how each stands."""

import re
import secrets
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.chat import JSON_TYPE
from api.errors import NO_JSON, Json, RequestTooLarge
from bus.alerts import Standing
from bus.cameras import Cameras
from bus.errors import BadJob
from bus.redis import translated
from bus.rulebook import Rulebook
from bus.rules import EVERY, Rule, parse_rule
from bus.times import utc

MAX_BODY = 2**18  # bytes; more than the largest rule
READ_ONLY = ("object", "standings", "warnings")  # what was read may be written back

router = APIRouter()


def _schema() -> dict[str, Any]:
    """What a rule may be, as OpenAPI has it; the references lead to where `POST` says it."""
    place = "#/paths/~1v1~1rules/post/requestBody/content/application~1json/schema/$defs/"
    (rule,), parts = msgspec.json.schema_components([Rule], ref_template=place + "{name}")
    return {**rule, "$defs": parts}


def _documented(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"schema": schema}}, "required": True}}


_RULE = _schema()
_REFERENCE = {"$ref": _RULE["$ref"]}


def describe(rule: Rule, standings: list[Standing]) -> dict[str, object]:
    return {
        "object": "rule",
        **msgspec.to_builtins(rule),
        "standings": [_standing(standing) for standing in standings],
    }


def _standing(standing: Standing) -> dict[str, object]:
    looks = standing.judged + standing.skipped
    return {
        "camera": standing.camera,
        "phase": standing.phase,
        "score": standing.score,
        "by": standing.by,
        "at": utc(standing.at) if standing.at else None,
        "every_s": standing.every_s,
        "judged": standing.judged,
        "skipped": standing.skipped,
        "saved": round(standing.skipped / looks, 4) if looks else None,
        "alert": standing.alert or None,
        "error": standing.error or None,
    }


def exists(rule_id: str, param: str) -> Response:
    """The answer to who wants an id that is taken."""
    message = f"there is a rule {rule_id!r} already: change it with PATCH or PUT"
    fields = {"message": message, "type": "invalid_request_error", "param": param}
    return Json({"error": {**fields, "code": "rule_exists"}}, 409)


def _missing(rule_id: str) -> HTTPException:
    return HTTPException(404, f"there is no rule {rule_id[:80]!r}: see GET /v1/rules")


async def _fields(request: Request) -> dict[str, Any]:
    """The JSON object in the body, without what only we can say."""
    kind, _, _ = request.headers.get("content-type", "").partition(";")
    if not JSON_TYPE.fullmatch(kind.strip()):
        raise BadJob("the body must be a JSON object: set Content-Type: application/json")
    try:
        value = msgspec.json.decode(await _body(request))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadJob(NO_JSON) from error
    if not isinstance(value, dict):
        raise BadJob("the body must be a JSON object")
    return {name: field for name, field in value.items() if name not in READ_ONLY}


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise RequestTooLarge(f"a rule has at most {MAX_BODY // 1024} KiB")
    return body


def _with_id(rule: Rule) -> Rule:
    if rule.id:
        return rule
    words = (rule.name or rule.question).lower()
    word = re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:40].rstrip("-")
    return msgspec.structs.replace(rule, id=f"{word or 'rule'}-{secrets.token_hex(3)}")


async def _answer(request: Request, rule: Rule, status: int = 200) -> Response:
    """The rule as it is now, and what in it may be a mistake."""
    rules: Rulebook = request.app.state.rules
    cameras: Cameras = request.app.state.cameras
    standings = (await rules.standings(rule.id))[rule.id]
    known = {EVERY, *(spec.id for spec in await cameras.wanted())}
    unknown = sorted({*rule.cameras, *rule.zones} - known)
    warnings = [f"there is no camera {camera!r} now: see GET /v1/cameras" for camera in unknown]
    return Json({**describe(rule, standings), "warnings": warnings}, status)


@router.get("/rules")
async def list_rules(request: Request) -> Response:
    rules: Rulebook = request.app.state.rules
    async with translated():
        found, standings = await rules.all(), await rules.standings()
    data = [describe(rule, standings[rule.id]) for rule in found]
    return Json({"object": "list", "data": data})


@router.post("/rules", status_code=201, openapi_extra=_documented(_RULE))
async def create_rule(request: Request) -> Response:
    """Ask a question of cameras from now on. Cameras that are not there yet are waited for."""
    rules: Rulebook = request.app.state.rules
    rule = _with_id(parse_rule(await _fields(request)))
    async with translated():
        if not await rules.add(rule):
            return exists(rule.id, "id")
        return await _answer(request, rule, 201)


@router.get("/rules/{rule}")
async def get_rule(request: Request, rule: str) -> Response:
    rules: Rulebook = request.app.state.rules
    async with translated():
        if (found := await rules.get(rule)) is None:
            raise _missing(rule)
        return await _answer(request, found)


@router.put("/rules/{rule}", openapi_extra=_documented(_REFERENCE))
async def put_rule(request: Request, rule: str) -> Response:
    """Replace the whole rule, or make it; what is not named has its default."""
    rules: Rulebook = request.app.state.rules
    fields = await _fields(request)
    if fields.get("id") not in (None, rule):
        raise BadJob("id: it is another one in the path", param="id")
    after = parse_rule({**fields, "id": rule})
    async with translated():
        is_new = await rules.put(after)
        return await _answer(request, after, 201 if is_new else 200)


@router.patch("/rules/{rule}", openapi_extra=_documented(_REFERENCE))
async def change_rule(request: Request, rule: str) -> Response:
    """What is not named stays; null stands for the default."""
    rules: Rulebook = request.app.state.rules
    patch = await _fields(request)
    async with translated():
        if (after := await rules.change(rule, patch)) is None:
            raise _missing(rule)
        return await _answer(request, after)


@router.delete("/rules/{rule}")
async def delete_rule(request: Request, rule: str) -> Response:
    """Its alert, if one is firing, is over. A rule of the settings comes back with them."""
    rules: Rulebook = request.app.state.rules
    async with translated():
        if not await rules.remove(rule):
            raise _missing(rule)
    return Json({"id": rule, "object": "rule.deleted", "deleted": True})

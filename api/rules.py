"""`/v1/rules`: the questions that are asked of cameras again and again, and how each stands."""

import re
import secrets
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.chat import JSON_TYPE
from api.errors import NO_JSON, Json, RequestTooLarge
from api.shapes.common import Deleted
from api.shapes.rules import KeptRule, RuleList
from api.shapes.stating import answer, reads, refusals
from bus.alerts import Standing
from bus.cameras import CAMERA_ID, Cameras
from bus.errors import BadJob, Overloaded, RuleExists, Unavailable, UnknownRule
from bus.redis import translated
from bus.rule_parsing import parse_rule
from bus.rulebook import Rulebook
from bus.rules import EVERY, Rule
from bus.times import utc

MAX_BODY = 2**18  # bytes; more than the largest rule
EXAMPLE = {"question": "Is a person at the gate?", "cameras": ["front"], "for_s": 2}
READ_ONLY = ("object", "standings", "warnings")  # what was read may be written back

router = APIRouter(tags=["rules"])

RuleId = Annotated[  # only told: an id that no rule can have is one that is not there
    str, Path(json_schema_extra={"pattern": f"^{CAMERA_ID.pattern}$"}, examples=["gate"])
]


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


def taken(rule_id: str, param: str) -> RuleExists:
    return RuleExists(
        f"there is a rule {rule_id!r} already: change it with PATCH or PUT", param=param
    )


def _missing(rule_id: str) -> UnknownRule:
    return UnknownRule(f"there is no rule {rule_id[:80]!r}: see GET /v1/rules")


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


@router.get(
    "/rules",
    summary="List the rules",
    responses={**answer(RuleList, "All of them, by id."), **refusals(Unavailable)},
)
async def list_rules(request: Request) -> Response:
    rules: Rulebook = request.app.state.rules
    async with translated():
        found, standings = await rules.all(), await rules.standings()
    data = [describe(rule, standings[rule.id]) for rule in found]
    return Json({"object": "list", "data": data})


@router.post(
    "/rules",
    status_code=201,
    summary="Add a rule",
    openapi_extra=reads("Rule", EXAMPLE),
    responses={
        **answer(KeptRule, "It holds from now on.", 201),
        **refusals(BadJob, RuleExists, Overloaded, Unavailable),
    },
)
async def create_rule(request: Request) -> Response:
    """Ask a question of cameras from now on. Cameras that are not there yet are waited for."""
    rules: Rulebook = request.app.state.rules
    rule = _with_id(parse_rule(await _fields(request)))
    async with translated():
        if not await rules.add(rule):
            raise taken(rule.id, "id")
        return await _answer(request, rule, 201)


@router.get(
    "/rules/{rule}",
    summary="Tell how a rule stands",
    responses={**answer(KeptRule, "How it stands now."), **refusals(UnknownRule, Unavailable)},
)
async def get_rule(request: Request, rule: RuleId) -> Response:
    rules: Rulebook = request.app.state.rules
    async with translated():
        if (found := await rules.get(rule)) is None:
            raise _missing(rule)
        return await _answer(request, found)


@router.put(
    "/rules/{rule}",
    summary="Write a rule",
    openapi_extra=reads("Rule", EXAMPLE),
    responses={
        **answer(KeptRule, "It is in the place of the one before."),
        **answer(KeptRule, "It is new.", 201),
        **refusals(BadJob, Overloaded, Unavailable),
    },
)
async def put_rule(request: Request, rule: RuleId) -> Response:
    """Replace the whole rule, or make it; what is not named has its default."""
    rules: Rulebook = request.app.state.rules
    fields = await _fields(request)
    if fields.get("id") not in (None, rule):
        raise BadJob("id: it is another one in the path", param="id")
    after = parse_rule({**fields, "id": rule})
    async with translated():
        is_new = await rules.put(after)
        return await _answer(request, after, 201 if is_new else 200)


@router.patch(
    "/rules/{rule}",
    summary="Change a rule",
    openapi_extra=reads("RuleChange", {"enabled": False}),
    responses={
        **answer(KeptRule, "As it is now."),
        **refusals(BadJob, UnknownRule, Unavailable),
    },
)
async def change_rule(request: Request, rule: RuleId) -> Response:
    """What is not named stays; null stands for the default."""
    rules: Rulebook = request.app.state.rules
    patch = await _fields(request)
    async with translated():
        if (after := await rules.change(rule, patch)) is None:
            raise _missing(rule)
        return await _answer(request, after)


@router.delete(
    "/rules/{rule}",
    summary="Remove a rule",
    responses={**answer(Deleted), **refusals(UnknownRule, Unavailable)},
)
async def delete_rule(request: Request, rule: RuleId) -> Response:
    """Its alert, if one is firing, is over. A rule of the settings comes back with them."""
    rules: Rulebook = request.app.state.rules
    async with translated():
        if not await rules.remove(rule):
            raise _missing(rule)
    return Json({"id": rule, "object": "rule.deleted", "deleted": True})

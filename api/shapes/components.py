"""The schemas that the API's document refers to by name, made from the shapes."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from api.shapes import alerts, cameras, chat, common, health, models, responses, rules
from api.shapes.stating import PLACE
from bus.alerts import CameraEvent
from bus.rule_parsing import ALLOWED
from bus.rules import Rule, Zone
from bus.schedule import Window

Schema = dict[str, Any]

ANSWERS = (
    *(common.ErrorAnswer, common.Deleted, common.Done, models.ModelList, cameras.CameraList),
    *(cameras.AddedStream, cameras.KeptStream, rules.KeptRule, rules.RuleList, alerts.AlertList),
    *(CameraEvent, health.Live, health.Ready, chat.ChatCompletion, chat.ChatCompletionChunk),
    *(responses.ResponseObject, responses.InputItems, responses.DeletedResponse),
)
WRITTEN = (Rule, Window, Zone)  # by clients, who may leave out what has a default


def components() -> dict[str, Schema]:
    """Every schema by its name, in the JSON Schema of OpenAPI 3.1."""
    _, found = msgspec.json.schema_components((*ANSWERS, *WRITTEN), ref_template=PLACE + "{name}")
    written = {kind.__name__ for kind in WRITTEN}
    plain = {name: _everywhere(schema, _plain) for name, schema in found.items()}
    stated = {name: s if name in written else _whole(s) for name, s in plain.items()}
    stated["Rule"] = _with_nulls(stated["Rule"], required=["question"])
    stated["RuleChange"] = _change_of(plain["Rule"])
    return stated


def _everywhere(value: Any, change: Callable[[Schema], Schema]) -> Any:
    """*value* with every object in it changed, the inner ones first."""
    if isinstance(value, dict):
        return change({key: _everywhere(inner, change) for key, inner in value.items()})
    if isinstance(value, list | tuple):
        return [_everywhere(inner, change) for inner in value]
    return value


def _plain(schema: Schema) -> Schema:
    """*schema* in words that generators of clients know too."""
    if isinstance(pattern := schema.get("pattern"), str):
        schema["pattern"] = plain_pattern(pattern)
    if isinstance(schema.get("enum"), list):
        assert all(isinstance(value, str) for value in schema["enum"])
        schema["type"] = "string"
    if "prefixItems" in schema:  # a point: both its numbers are alike
        schema["items"] = schema.pop("prefixItems")[0]
    if schema.get("default") == {}:  # some cannot make a client of it
        del schema["default"]
    return schema


def plain_pattern(pattern: str) -> str:
    """A regular expression of Python as ECMAScript has it; half characters are no JSON anyway."""
    pattern = re.sub(r"\\A", "^", pattern).replace(r"\Z", "$")
    return pattern.replace(r"[^\ud800-\udfff]", r"[\s\S]").replace(r"\ud800-\udfff", "")


def _whole(schema: Schema) -> Schema:
    """*schema* of an answer: it has what has a default too, and may lack what may be unset."""
    if "properties" not in schema:
        return schema
    fields = schema["properties"]
    always = [n for n, field in fields.items() if n in schema["required"] or "default" in field]
    return {**schema, "required": always}


def _with_nulls(schema: Schema, required: list[str]) -> Schema:
    """*schema* of a rule, in which null stands for the default."""
    properties = {
        name: {"description": ALLOWED[name], **(field if name in required else _or_null(field))}
        for name, field in schema["properties"].items()
    }
    return {**schema, "properties": properties, "required": required}


def _change_of(rule: Schema) -> Schema:
    """Without defaults: a client would send them, and so reset what was not to be changed."""
    change = _with_nulls(rule, required=[])
    for field in change["properties"].values():
        field.pop("default", None)
    return {**change, "description": "What is not named stays; null stands for the default."}


def _or_null(field: Schema) -> Schema:
    kinds = field.get("anyOf", [{k: v for k, v in field.items() if k != "default"}])
    default = {"default": field["default"]} if "default" in field else {}
    return {"anyOf": [*(k for k in kinds if k != {"type": "null"}), {"type": "null"}], **default}

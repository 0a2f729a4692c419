"""Answers that shall be JSON: how that is asked for, and that what is sent is what was asked."""

import asyncio
from typing import Any

import msgspec

from api.json_schemas import BadSchema, Mismatch, bounded, check_schema, check_value
from bus.errors import BadJob, BadOutput
from bus.messages import Format


async def schema_format(name: str, schema: dict[str, Any], strict: bool, param: str) -> Format:
    """Ask for JSON that follows *schema*; raise `BadJob` that names *param*."""
    text = schema_text(schema, param)
    try:
        await asyncio.to_thread(check_schema, text)
    except BadSchema as error:
        raise BadJob(f"{param}: {error}", param=param) from error
    return Format(text, name, strict)


def schema_text(schema: dict[str, Any] | None, param: str) -> str:
    """*schema* as JSON; "" of None. Raise `BadJob` that names *param* when it is too large."""
    try:
        return "" if schema is None else bounded(schema)
    except BadSchema as error:
        raise BadJob(f"{param}: {error}", param=param) from error


async def check(wanted: Format, answer: str) -> None:
    """Raise `BadOutput` unless *answer* is what was *wanted*."""
    try:
        value = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadOutput("the model's answer is not valid JSON: ask again") from error
    if not wanted.schema:
        if not isinstance(value, dict):
            raise BadOutput("the model's answer is JSON, but not an object: ask again")
        return
    try:
        await asyncio.to_thread(check_value, wanted.schema, value)
    except Mismatch as error:
        raise BadOutput(f"the model's answer does not follow the schema: {error}") from error

"""How a response is to be generated."""

from collections.abc import Sequence
from typing import Any

import msgspec

from api.json_output import schema_format, schema_text
from api.responses.schemas import (
    LOGPROBS,
    AllowedTools,
    FunctionTool,
    NamedFunction,
    PlainFormat,
    ResponseRequest,
    SchemaFormat,
)
from api.sampling import DEFAULT_MAX_TOKENS, bad
from bus import messages as wire


async def sampling_of(request: ResponseRequest) -> wire.Sampling:
    """Raise `BadJob` for what only a look at schemas and names can tell."""
    tools, choice = _tools(request)
    return wire.Sampling(
        max_tokens=request.max_output_tokens or DEFAULT_MAX_TOKENS,
        temperature=request.temperature,
        top_p=request.top_p,
        logprobs=(request.top_logprobs or 0) if LOGPROBS in (request.include or ()) else None,
        format=await _format(request.text.format if request.text else None),
        tools=tools,
        tool_choice=choice,
        parallel_calls=request.parallel_tool_calls is not False,
    )


async def _format(asked: PlainFormat | SchemaFormat | None) -> wire.Format | None:
    if asked is None or asked.type == "text":
        return None
    if isinstance(asked, PlainFormat):
        return wire.Format()
    place = "text.format.schema"
    _check_text(asked.schema_, place)
    return await schema_format(asked.name, asked.schema_, bool(asked.strict), place)


def _tools(request: ResponseRequest) -> tuple[tuple[wire.Tool, ...], str]:
    """The functions that may be called, and the choice between them."""
    tools = tuple(
        _tool(tool, f"tools[{i}].parameters") for i, tool in enumerate(request.tools or ())
    )
    known = {tool.name for tool in tools}
    if len(known) < len(tools):
        raise bad("tools", "two of them have the same name")
    choice = request.tool_choice
    if choice is None or isinstance(choice, str):
        if choice == "required" and not tools:
            raise bad("tool_choice", "there are no tools to choose from")
        return tools, choice or "auto"
    names = _names(choice)
    for name in names:
        if name not in known:
            raise bad("tool_choice", f"no tool has the name {name}")
    if isinstance(choice, NamedFunction):
        return tools, f"function:{choice.name}"
    return tuple(tool for tool in tools if tool.name in names), choice.mode


def _names(choice: NamedFunction | AllowedTools) -> Sequence[str]:
    return [one.name for one in choice.tools] if isinstance(choice, AllowedTools) else [choice.name]


def _tool(asked: FunctionTool, place: str) -> wire.Tool:
    parameters = schema_text(asked.parameters, place)
    _check_text(asked.parameters, place)
    return wire.Tool(asked.name, asked.description or "", parameters, bool(asked.strict))


def _check_text(schema: dict[str, Any] | None, param: str) -> None:
    """The answer repeats it, so it must be possible to write it again."""
    try:
        msgspec.json.encode(schema)
    except (RecursionError, OverflowError, UnicodeEncodeError) as error:
        why = "it is nested too deep, or has text or numbers that JSON does not have"
        raise bad(param, why) from error

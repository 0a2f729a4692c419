"""How a chat request wants its answer made. What contradicts itself is refused by name."""

from collections.abc import Mapping, Sequence

from api import json_output
from api.chat_request import ChatRequest, Function, NamedTool, ToolsAllowed
from api.schemas import Message
from bus import messages as wire
from bus.errors import BadJob

DEFAULT_MAX_TOKENS = 512


async def read(request: ChatRequest) -> wire.Sampling:
    """Raise `BadJob`."""
    max_tokens = request.max_completion_tokens or request.max_tokens or DEFAULT_MAX_TOKENS
    min_tokens = request.min_tokens or 0
    if min_tokens > max_tokens:
        raise bad("min_tokens", f"it is more than the {max_tokens} that the answer may have")
    tools, choice = _tools(request)
    return wire.Sampling(
        max_tokens=max_tokens,
        min_tokens=min_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        seed=request.seed,
        stop=tuple(request.stop or ()),
        presence_penalty=request.presence_penalty or 0.0,
        frequency_penalty=request.frequency_penalty or 0.0,
        logit_bias=tuple((int(t), bias) for t, bias in (request.logit_bias or {}).items()),
        logprobs=_logprobs(request),
        format=await _format(request),
        tools=tools,
        tool_choice=choice,
        parallel_calls=request.parallel_tool_calls is not False,
    )


def bad(param: str, why: str) -> BadJob:
    return BadJob(f"{param}: {why}", param=param)


def check_calls(messages: Sequence[Message]) -> None:
    """Raise `BadJob` for a tool's message that answers what nobody has asked."""
    asked = set[str]()
    for i, message in enumerate(messages):
        asked.update(call.id for call in message.tool_calls or ())
        if message.role == "tool" and message.tool_call_id not in asked:
            raise bad(f"messages[{i}].tool_call_id", "no message before this one has such a call")


def _logprobs(request: ChatRequest) -> int | None:
    if request.top_logprobs and not request.logprobs:
        raise bad("top_logprobs", "set logprobs to true as well")
    return (request.top_logprobs or 0) if request.logprobs else None


async def _format(request: ChatRequest) -> wire.Format | None:
    wanted = request.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.json_schema is None:
        return wire.Format()
    schema, param = wanted.json_schema, "response_format.json_schema.schema"
    return await json_output.schema_format(schema.name, schema.schema_, bool(schema.strict), param)


def _tools(request: ChatRequest) -> tuple[tuple[wire.Tool, ...], str]:
    """The functions that may be called, and the choice between them."""
    if not request.tools and request.tool_choice in (None, "none", "auto"):
        return (), "auto"
    tools = {
        tool.function.name: _tool(tool.function, f"tools[{i}].function")
        for i, tool in enumerate(request.tools or ())
    }
    if len(tools) < len(request.tools or ()):
        raise bad("tools", "two of them have the same name")
    choice = request.tool_choice
    if isinstance(choice, ToolsAllowed):
        allowed = choice.allowed_tools
        names = [tool.function.name for tool in allowed.tools]
        return _named(tools, names, "tool_choice.allowed_tools.tools"), allowed.mode
    if isinstance(choice, NamedTool):
        _named(tools, [choice.function.name], "tool_choice.function.name")
        return tuple(tools.values()), f"function:{choice.function.name}"
    if choice == "required" and not tools:
        raise bad("tool_choice", "there are no tools to choose from")
    return tuple(tools.values()), choice or "auto"


def _tool(function: Function, param: str) -> wire.Tool:
    parameters = json_output.schema_text(function.parameters, f"{param}.parameters")
    return wire.Tool(function.name, function.description or "", parameters, bool(function.strict))


def _named(
    tools: Mapping[str, wire.Tool], names: Sequence[str], param: str
) -> tuple[wire.Tool, ...]:
    for name in names:
        if name not in tools:
            raise bad(param, f"no tool has the name {name}")
    return tuple(tool for name, tool in tools.items() if name in names)

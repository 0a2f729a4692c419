"""From turns and sampling to the body of a request, in a server's dialect. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from bus.errors import Unsupported
from bus.messages import Format, Sampling, Tool, ToolCall
from inference.engine import Turn
from inference.upstream.endpoint import Dialect
from inference.upstream.pictures import Urls

Fields = dict[str, Any]


def body(
    model: str, dialect: Dialect, turns: Sequence[Turn], sampling: Sampling, urls: Urls
) -> bytes:
    """Of a streamed chat completion. `user` and `detail` are never sent."""
    fields: Fields = {
        "model": model,
        "messages": messages(dialect, turns, urls),
        "stream": True,
        **({"stream_options": {"include_usage": True}} if dialect.stream_usage else {}),
        dialect.max_tokens_field: sampling.max_tokens,
        **_how(dialect, sampling),
        **_told(sampling),
        **_form(dialect, sampling.format),
        **_tools(sampling),
    }
    return msgspec.json.encode(fields)


def messages(dialect: Dialect, turns: Sequence[Turn], urls: Urls) -> list[Fields]:
    if dialect.system_first:
        turns = _system_first(turns)
    return [_message(dialect, turn, urls) for turn in turns]


def _system_first(turns: Sequence[Turn]) -> list[Turn]:
    """What all system turns say as one, before all others."""
    said = [part for turn in turns if turn.role == "system" for part in turn.content]
    others = [turn for turn in turns if turn.role != "system"]
    return [Turn("system", tuple(said)), *others] if said else others


def _message(dialect: Dialect, turn: Turn, urls: Urls) -> Fields:
    if (turn.calls or turn.role == "tool") and not dialect.tools:
        raise Unsupported("this engine knows no tools, also not in earlier turns", param="messages")
    message: Fields = {"role": turn.role, "content": _content(dialect, turn, urls)}
    if turn.calls:
        message["content"] = message["content"] or None
        message["tool_calls"] = [_call(call) for call in turn.calls]
    if turn.role == "tool":
        message["tool_call_id"] = turn.call_id
    return message


def _content(dialect: Dialect, turn: Turn, urls: Urls) -> str | list[Fields]:
    texts = [part for part in turn.content if isinstance(part, str)]
    if len(texts) == len(turn.content):
        return "\n".join(texts)
    if turn.role != "user" and dialect.list_content_only_for_user:
        raise Unsupported("this engine takes pictures from the user only", param="messages")
    return [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": urls[id(part)]}}
        for part in turn.content
    ]


def _call(call: ToolCall) -> Fields:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _how(dialect: Dialect, sampling: Sampling) -> Fields:
    """How to choose tokens. What was not asked for is left to the server, but for greed."""
    if sampling.min_tokens and not dialect.min_tokens:
        raise Unsupported("this engine has no min_tokens", param="min_tokens")
    fields: Fields = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "min_tokens": sampling.min_tokens or None,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "logit_bias": {str(token): bias for token, bias in sampling.logit_bias} or None,
    }
    if sampling.temperature is None and dialect.greedy:
        fields["temperature"] = 0.0
    return {name: value for name, value in fields.items() if value is not None}


def _told(sampling: Sampling) -> Fields:
    """What else we want to be told of each token."""
    if sampling.logprobs is None:
        return {}
    return {"logprobs": True, **({"top_logprobs": sampling.logprobs} if sampling.logprobs else {})}


def _form(dialect: Dialect, wanted: Format | None) -> Fields:
    if wanted is None:
        return {}
    if not wanted.schema:
        return {"response_format": {"type": "json_object"}}
    if dialect.json == "schema_text":
        return {"response_format": {"type": "json_object", "schema": wanted.schema}}
    schema: Fields = {
        "name": wanted.name or "answer",
        "schema": msgspec.Raw(wanted.schema.encode()),
    }
    if wanted.strict:
        schema["strict"] = True
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _tools(sampling: Sampling) -> Fields:
    if not sampling.tools or sampling.tool_choice == "none":
        return {}
    fields: Fields = {"tools": [_tool(tool) for tool in sampling.tools]}
    choice, _, name = sampling.tool_choice.partition(":")
    if name:
        fields["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif choice != "auto":
        fields["tool_choice"] = choice
    if not sampling.parallel_calls:
        fields["parallel_tool_calls"] = False
    return fields


def _tool(tool: Tool) -> Fields:
    function: Fields = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters:
        function["parameters"] = msgspec.Raw(tool.parameters.encode())
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}

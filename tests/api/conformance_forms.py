"""The fields of a chat: answers that are JSON, and calls of functions."""

from tests.api.conformance_shows import (
    OPEN,
    SHUT,
    WORDS,
    allowed,
    calls,
    ends,
    says,
    schema,
    some,
    talk,
    tool,
    user,
)
from tests.api.conforming import Refusal, Row, Use

FORMATS = (
    Row(
        "response_format",
        "an object",
        "what is sent is valid, or it is an error `invalid_output`; one cut off at its length is "
        "sent as it is",
        (
            Use({"response_format": None}, says(WORDS)),
            Refusal({"response_format": "json"}, "response_format"),
        ),
    ),
    Row(
        "response_format.type",
        "`text`, `json_object`, `json_schema`",
        "`json_object`: any object",
        (
            Use({"response_format": {"type": "text"}}, says(WORDS)),
            Use(
                {**talk(user('{"a": 1}')), "response_format": {"type": "json_object"}},
                says('{"a": 1}'),
            ),
            Use(
                {"max_tokens": 1, "response_format": {"type": "json_object"}},
                ends("one", "length"),
            ),
            Refusal({"response_format": {"type": "yaml"}}, "response_format.type"),
            Refusal({"response_format": {"type": "json_object"}}, None, "invalid_output", 502),
        ),
    ),
    Row(
        "response_format.json_schema",
        "an object, with the type of its name",
        "what the answer shall follow",
        (
            Use(schema(), says('{"people": 2}')),
            Refusal({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
            Refusal(
                {"response_format": {**schema()["response_format"], "type": "text"}},
                "response_format.json_schema",
            ),
        ),
    ),
    Row(
        "response_format.json_schema.name",
        "1 to 64 letters, digits, `_`, `-`",
        "told to the engine",
        (
            Use(schema(name="a-b_C1"), says('{"people": 2}')),
            Refusal(schema(name="a b"), "response_format.json_schema.name"),
        ),
    ),
    Row(
        "response_format.json_schema.schema",
        "JSON Schema 2020-12, at most 65,536 characters and 64 levels",
        "`$ref` leads into the schema itself only; a `pattern` has no look-around and no "
        "back-references; `unevaluated…` and anchors are refused; a `format` is not checked",
        (
            Use(schema(), says('{"people": 2}')),
            Use(
                schema(schema={"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}}),
                says('{"people": 2}'),
            ),
            *(
                Refusal(schema(schema=wrong), "response_format.json_schema.schema")
                for wrong in (
                    *("object", {"type": "thing"}, {"$ref": "http://127.0.0.1:1/a.json"}),
                    *({"$ref": "#/nowhere"}, {"$ref": "#"}, {"pattern": "(?=a)b"}),
                    *({"unevaluatedProperties": False}, {"enum": ["a" * 70_000]}),
                )
            ),
            Refusal({**schema(), **talk(user('{"people": "two"}'))}, None, "invalid_output", 502),
        ),
    ),
    Row(
        "response_format.json_schema.strict",
        "true or false",
        "told to the engine; the answer is checked in any case",
        (
            Use(schema(strict=True), says('{"people": 2}')),
            *(
                Refusal(schema(strict=value), "response_format.json_schema.strict")
                for value in ("very", "true", 1)
            ),
        ),
    ),
    Row(
        "response_format.json_schema.description",
        "a string",
        "",
        (
            Use(schema(description="Who is there"), says('{"people": 2}')),
            Refusal(schema(description=5), "response_format.json_schema.description"),
        ),
        "ignored",
    ),
)
TOOLS = (
    Row(
        "tools",
        "at most 128",
        "functions that the model may have called; each name once",
        (
            Use({"tools": [OPEN, SHUT]}, says(WORDS)),
            Use({"tools": []}, says(WORDS)),
            Refusal({"tools": [OPEN, OPEN]}, "tools"),
            Refusal({"tools": [OPEN] * 129}, "tools"),
            Refusal({"tools": ["open_gate"]}, "tools[0]"),
        ),
    ),
    Row(
        "tools[].type",
        "`function`",
        "tools that OpenAI runs itself are refused",
        (
            Use({"tools": [OPEN]}, says(WORDS)),
            Refusal({"tools": [{**OPEN, "type": "custom"}]}, "tools[0].type"),
        ),
    ),
    Row(
        "tools[].function",
        "an object",
        "the function",
        (Use(tool(), says(WORDS)), Refusal({"tools": [{"type": "function"}]}, "tools[0].function")),
    ),
    Row(
        "tools[].function.name",
        "1 to 64 letters, digits, `_`, `-`",
        "its name",
        (
            Use({**tool(), "tool_choice": "required"}, calls("open_gate")),
            Refusal(tool(name="open gate"), "tools[0].function.name"),
        ),
    ),
    Row(
        "tools[].function.description",
        "a string",
        "told to the model",
        (
            Use(tool(description="Opens it."), says(WORDS)),
            Refusal(tool(description=5), "tools[0].function.description"),
        ),
    ),
    Row(
        "tools[].function.parameters",
        "JSON Schema, as large as that of an answer",
        "told to the model; the arguments are passed on as the model wrote them",
        (
            Use(tool(parameters={"type": "object"}), says(WORDS)),
            Refusal(tool(parameters="{}"), "tools[0].function.parameters"),
            Refusal(tool(parameters={"a": "b" * 70_000}), "tools[0].function.parameters"),
        ),
    ),
    Row(
        "tools[].function.strict",
        "true or false",
        "told to the engine",
        (
            Use(tool(strict=True), says(WORDS)),
            *(
                Refusal(tool(strict=value), "tools[0].function.strict")
                for value in ("very", "true", 1)
            ),
        ),
    ),
    Row(
        "tool_choice",
        "`none`, `auto`, `required`, or an object",
        "whether a function must be called; `auto` if left out",
        (
            Use({"tools": [OPEN], "tool_choice": "required"}, calls("open_gate")),
            Use({"tools": [OPEN], "tool_choice": "none"}, says(WORDS)),
            Use({"tool_choice": "auto"}, says(WORDS)),
            Refusal({"tool_choice": "required"}, "tool_choice"),
            Refusal({"tools": [OPEN], "tool_choice": "any"}, "tool_choice"),
        ),
    ),
    Row(
        "tool_choice.type",
        "`function`, `allowed_tools`",
        "one function, or some of them",
        (
            Use(
                {"tools": [OPEN, SHUT], "tool_choice": SHUT},
                calls("shut_gate"),
            ),
            Refusal({"tools": [OPEN], "tool_choice": {"type": "custom"}}, "tool_choice.type"),
        ),
    ),
    Row(
        "tool_choice.function",
        "an object",
        "the one that must be called",
        (
            Use({"tools": [OPEN, SHUT], "tool_choice": SHUT}, calls("shut_gate")),
            Refusal({"tools": [OPEN], "tool_choice": {"type": "function"}}, "tool_choice.function"),
        ),
    ),
    Row(
        "tool_choice.function.name",
        "the name of a tool",
        "which one",
        (
            Use({"tools": [OPEN, SHUT], "tool_choice": SHUT}, calls("shut_gate")),
            Refusal({"tools": [OPEN], "tool_choice": SHUT}, "tool_choice.function.name"),
        ),
    ),
    Row(
        "tool_choice.allowed_tools",
        "an object, with the type of its name",
        "which tools may be called now; the others are left out",
        (
            Use(allowed("required", "shut_gate"), calls("shut_gate")),
            Refusal(
                {"tools": [OPEN], "tool_choice": {"type": "allowed_tools"}},
                "tool_choice.allowed_tools",
            ),
        ),
    ),
    Row(
        "tool_choice.allowed_tools.mode",
        "`auto`, `required`",
        "whether one of them must be called",
        (
            Use(allowed("auto", "shut_gate"), says(WORDS)),
            Refusal(allowed("none", "shut_gate"), "tool_choice.allowed_tools.mode"),
        ),
    ),
    Row(
        "tool_choice.allowed_tools.tools",
        "1 to 128 of the tools",
        "each as in `tool_choice` itself",
        (
            Use(allowed("required", "shut_gate", "open_gate"), calls("open_gate")),
            Refusal(allowed("required"), "tool_choice.allowed_tools.tools"),
            Refusal(allowed("required", "lift_gate"), "tool_choice.allowed_tools.tools"),
        ),
    ),
    *(
        Row(
            f"tool_choice.allowed_tools.tools[]{place}",
            takes,
            does,
            (
                Use(allowed("required", "shut_gate"), calls("shut_gate")),
                Refusal(
                    {"tools": [OPEN], "tool_choice": some(wrong)},
                    f"tool_choice.allowed_tools.tools{where}",
                ),
            ),
        )
        for place, takes, does, wrong, where in (
            (".type", "`function`", "", {"type": "custom"}, "[0].type"),
            (".function", "an object", "", {"type": "function"}, "[0].function"),
            (".function.name", "the name of a tool", "which one", SHUT, ""),
        )
    ),
    Row(
        "parallel_tool_calls",
        "true or false",
        "whether one answer may ask for several calls; true if left out",
        (
            Use(
                {"tools": [OPEN], "tool_choice": "required", "parallel_tool_calls": False},
                calls("open_gate"),
            ),
            *(
                Refusal({"parallel_tool_calls": value}, "parallel_tool_calls")
                for value in (5, 1, "true")
            ),
        ),
    ),
)

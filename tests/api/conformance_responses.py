"""Every field of `POST /v1/responses`: what it takes, what it does, what is refused."""

from collections.abc import Callable
from typing import Any

import httpx

from api.responses.schemas import INCLUDABLE, LOGPROBS, ResponseRequest
from tests.api.asking import data_url, file_of, solid
from tests.api.conforming import Fields, Refusal, Row, Table, Use
from tests.api.responses.asking import PATH, events_of

Shows = Callable[[httpx.Response], bool]

WORDS = "one two three four"
WIDE = data_url(file_of(solid(width=1024, height=256)))
LOOK: Fields = {"type": "function", "name": "look", "parameters": {"type": "object"}}
OPEN: Fields = {"type": "function", "name": "open_gate"}
CALL: Fields = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
TOLD: Fields = {"type": "function_call_output", "call_id": "c1", "output": "It is open."}
SCHEMA: Fields = {
    "type": "object",
    "properties": {"people": {"type": "integer"}},
    "required": ["people"],
}


def user(*content: Any) -> Fields:
    plain = len(content) == 1 and isinstance(content[0], str)
    return {"role": "user", "content": content[0] if plain else list(content)}


HI = user("hi")


def items(*told: Any) -> Fields:
    return {"input": list(told)}


def part(**fields: Any) -> Fields:
    """A request whose message has one part."""
    return items(user(fields))


def said(**fields: Any) -> Fields:
    """A request in which the assistant's message, of one part, comes before the question."""
    return items({"role": "assistant", "content": [fields]}, HI)


def call(**fields: Any) -> Fields:
    return items(HI, {**CALL, **fields}, TOLD)


def told(**fields: Any) -> Fields:
    return items(HI, CALL, {**TOLD, **fields})


def output(**fields: Any) -> Fields:
    """A request in which a function has returned one part."""
    return told(output=[fields])


def schema(**fields: Any) -> Fields:
    """A request for JSON, with the JSON that the echo engine then answers."""
    form = {"type": "json_schema", "name": "scene", "schema": SCHEMA, **fields}
    return {"input": '{"people": 2}', "text": {"format": form}}


def tool(**fields: Any) -> Fields:
    return {"tools": [{**LOOK, **fields}]}


def allowed(**fields: Any) -> Fields:
    choice = {"type": "allowed_tools", "mode": "required", "tools": [named("look")], **fields}
    return {"tools": [OPEN, LOOK], "tool_choice": choice}


def named(name: str) -> Fields:
    return {"type": "function", "name": name}


def text_of(answer: httpx.Response) -> str:
    parts = [part for item in answer.json()["output"] for part in item.get("content", ())]
    return "".join(part["text"] for part in parts)


def says(text: str) -> Shows:
    return lambda answer: answer.json()["status"] == "completed" and text_of(answer) == text


def cut(answer: httpx.Response) -> bool:
    why = answer.json()["incomplete_details"]
    return text_of(answer) == "one two" and why == {"reason": "max_output_tokens"}


def calls(*names: str) -> Shows:
    return lambda answer: [item.get("name") for item in answer.json()["output"]] == list(names)


def sees(width: int, height: int) -> Shows:
    return lambda answer: f": {width}x{height} mean" in text_of(answer)


def looked(frames: int) -> Shows:
    return lambda answer: len(answer.json()["lookout"]["frames"]) == frames


def heard(words: int) -> Shows:
    return lambda answer: bool(answer.json()["usage"]["input_tokens"] == words)


def repeats(**fields: Any) -> Shows:
    return lambda answer: {name: answer.json()[name] for name in fields} == fields


def scored(answer: httpx.Response) -> bool:
    scores = answer.json()["output"][0]["content"][0]["logprobs"]
    return [score["token"] for score in scores] == ["one", " two", " three", " four"]


def streamed(answer: httpx.Response) -> bool:
    return bool(events_of(answer.text)[-1]["type"] == "response.completed")


def ignored(field: str, *values: Fields, does: str = "") -> Row:
    """Whatever stands in *field*, the answer is the same."""
    return Row(field, "anything", does, tuple(Use(fields) for fields in values), "ignored")


def refused(field: str, does: str, *wrong: Any) -> Row:
    cases: tuple[Use | Refusal, ...] = (
        Use({field: None}, says(WORDS)),
        *(Refusal({field: value}, field) for value in wrong),
    )
    return Row(field, "nothing", does, cases, "refused")


PLACE = "input[0].content[0]"
INPUT = (
    Row(
        "input",
        "a string, or 1 to 256 items",
        "the conversation; its last turns matter most",
        (
            Use({"input": "hi"}, says("hi")),
            Use(items(user("one"), {"role": "assistant", "content": "1"}, user("two")), heard(3)),
            Refusal({"input": None}, "input"),
            Refusal({"input": []}, "input"),
            Refusal({"input": ["hi"]}, "input[0]"),
            Refusal({"input": [HI] * 257}, "input"),
        ),
    ),
    Row(
        "input[].type",
        "`message`, `function_call`, `function_call_output`, `item_reference`, `reasoning`",
        "the kind of item; a message may leave it out, and reasoning is not read",
        (
            Use(items({**HI, "type": "message"}), says("hi")),
            Use(items({"type": "reasoning", "id": "rs_1", "summary": []}, HI), heard(1)),
            Refusal(items({"type": "web_search_call", "id": "ws_1"}), "input[0].type"),
            Refusal(items({"type": ["message"]}), "input[0].type"),
        ),
    ),
    Row(
        "input[].id",
        "a string",
        "the item's id; of an `item_reference`, that of an item which is kept",
        (
            Use(items({**HI, "type": "message", "id": "msg_1"}), says("hi")),
            Refusal(
                items({"type": "item_reference", "id": "msg_1"}),
                *("input[0].id", "item_not_found", 404),
            ),
            Refusal(items({**HI, "id": 5}), "input[0].id"),
        ),
    ),
    Row(
        "input[].role",
        "`system`, `developer`, `user`, `assistant`",
        "`developer` is read as `system`",
        (
            *(
                Use(items({"role": role, "content": "Be brief."}, HI), heard(3))
                for role in ("system", "developer", "user", "assistant")
            ),
            Refusal(items({"role": "tool", "content": "hi"}), "input[0].role"),
            Refusal(items({}), "input[0].role"),
        ),
    ),
    Row(
        "input[].content",
        "a string, or a list of at most 256 parts",
        "what is said; 1,000,000 characters a text",
        (
            Use(items(HI), says("hi")),
            Use(part(type="input_text", text="hi"), says("hi")),
            Refusal(items({"role": "user"}), "input[0].content"),
            Refusal(items({"role": "user", "content": None}), "input[0].content"),
            Refusal(items(user("a" * 1_000_001)), "input[0].content"),
        ),
    ),
    Row(
        "input[].content[].type",
        "`input_text`, `input_image`, `output_text`, `refusal`, `stream`",
        "the kind of part; audio and files are refused, and so are the kinds of a chat",
        (
            Use(part(type="input_text", text="hi"), says("hi")),
            Refusal(part(type="text", text="hi"), f"{PLACE}.type"),
            Refusal(part(type="image_url", image_url="demo"), f"{PLACE}.type"),
            Refusal(part(type="input_file", file_url="https://a/b"), f"{PLACE}.type"),
            Refusal(part(type="input_audio"), f"{PLACE}.type"),
            Refusal(part(), f"{PLACE}.type"),
        ),
    ),
    Row(
        "input[].content[].text",
        "a string",
        "of a part `input_text` or `output_text`",
        (
            Use(part(type="input_text", text="ά🐈\n"), says("ά🐈\n")),
            Use(said(type="output_text", text="one two"), heard(3)),
            Refusal(part(type="input_text"), f"{PLACE}.text"),
        ),
    ),
    Row(
        "input[].content[].refusal",
        "a string",
        "of a part `refusal`: read as text",
        (
            Use(said(type="refusal", refusal="No."), heard(2)),
            Refusal(said(type="refusal"), f"{PLACE}.refusal"),
        ),
    ),
    Row(
        "input[].content[].image_url",
        "`http(s):`, `data:`, or [a camera](cameras.md)",
        "a picture or a camera, in its place among the texts",
        (
            Use(part(type="input_image", image_url=WIDE), sees(1024, 256)),
            Use(part(type="input_image", image_url="camera://demo"), looked(1)),
            Use(part(type="input_image", image_url="demo?frames=2&span=50ms"), looked(2)),
            Refusal(part(type="input_image"), f"{PLACE}.image_url"),
            Refusal(part(type="input_image", image_url=""), f"{PLACE}.image_url"),
            Refusal(part(type="input_image", image_url={"url": WIDE}), f"{PLACE}.image_url"),
            Refusal(
                part(type="input_image", image_url="camera://attic"),
                *(f"{PLACE}.image_url", "camera_not_found", 404),
            ),
        ),
    ),
    Row(
        "input[].content[].detail",
        "`auto`, `low`, `high`, `original`",
        "`low` scales the longer side down to 512 pixels; the others leave the picture as it is",
        (
            Use(part(type="input_image", image_url=WIDE, detail="low"), sees(512, 128)),
            *(
                Use(part(type="input_image", image_url=WIDE, detail=detail), sees(1024, 256))
                for detail in ("auto", "high", "original", None)
            ),
            Refusal(part(type="input_image", image_url=WIDE, detail="4k"), f"{PLACE}.detail"),
        ),
    ),
    Row(
        "input[].content[].file_id",
        "nothing",
        "files are not kept here",
        (
            Use(part(type="input_image", image_url=WIDE, file_id=None), sees(1024, 256)),
            Refusal(part(type="input_image", file_id="file-1"), f"{PLACE}.file_id"),
        ),
        "refused",
    ),
    Row(
        "input[].content[].stream",
        "an object",
        "of a part `stream`, ours: several frames of a camera that was added",
        (
            Use(part(type="stream", stream={"stream_id": "demo"}), looked(2)),
            Refusal(part(type="stream"), f"{PLACE}.stream"),
        ),
    ),
    Row(
        "input[].content[].stream.stream_id",
        "the id of a camera",
        "which one",
        (
            Use(part(type="stream", stream={"stream_id": "demo"}), looked(2)),
            Refusal(part(type="stream", stream={}), f"{PLACE}.stream.stream_id"),
            Refusal(
                part(type="stream", stream={"stream_id": "attic"}),
                *(f"{PLACE}.stream", "camera_not_found", 404),
            ),
        ),
    ),
    Row(
        "input[].content[].stream.frames",
        "1 to 8",
        "how many, the newest one last",
        (
            Use(part(type="stream", stream={"stream_id": "demo", "frames": 3}), looked(3)),
            Refusal(
                part(type="stream", stream={"stream_id": "demo", "frames": 9}),
                f"{PLACE}.stream.frames",
            ),
        ),
    ),
    Row(
        "input[].content[].stream.span_s",
        "0 to 10 seconds",
        "over how long",
        (
            Use(part(type="stream", stream={"stream_id": "demo", "span_s": 0.05}), looked(2)),
            Refusal(
                part(type="stream", stream={"stream_id": "demo", "span_s": 11}),
                f"{PLACE}.stream.span_s",
            ),
        ),
    ),
    *(
        ignored(f"input[].content[].{name}", said(type="output_text", text="a", **{name: [5]}))
        for name in ("annotations", "logprobs", "parsed")
    ),
    ignored(
        "input[].content[].prompt_cache_breakpoint",
        part(type="input_text", text="hi", prompt_cache_breakpoint={"mode": "explicit"}),
    ),
    *(ignored(f"input[].{name}", items({**HI, name: "completed"})) for name in ("status", "phase")),
)
CALLS = (
    Row(
        "input[].call_id",
        "a string",
        "which call it was; of a `function_call_output`, that of an earlier call",
        (
            Use(call(), says("hi")),
            Refusal(call(call_id=""), "input[1].call_id"),
            Refusal(items(TOLD, HI, CALL), "input[0].call_id"),
            Refusal(told(call_id="c2"), "input[2].call_id"),
        ),
    ),
    Row(
        "input[].name",
        "1 to 64 letters, digits, `_`, `-`",
        "of the function that was called",
        (Use(call(name="a-b_C1"), says("hi")), Refusal(call(name="a b"), "input[1].name")),
    ),
    Row(
        "input[].arguments",
        "a string",
        "its arguments, as the model wrote them",
        (
            Use(call(arguments="not JSON"), says("hi")),
            Refusal(call(arguments={}), "input[1].arguments"),
        ),
    ),
    Row(
        "input[].output",
        "a string, or a list of parts as in `content`",
        "what the function has returned; a camera may stand there too",
        (
            Use(told(output="open now"), heard(3)),
            Use(output(type="input_image", image_url="camera://demo"), looked(1)),
            Refusal(told(output=None), "input[2].output"),
            Refusal(
                output(type="input_image", image_url="camera://attic"),
                *("input[2].output[0].image_url", "camera_not_found", 404),
            ),
        ),
    ),
    *(ignored(f"input[].{name}", call(**{name: None})) for name in ("async", "caller")),
    ignored("input[].parsed_arguments", call(parsed_arguments={}), does="OpenAI's client adds it"),
    Row(
        "input[].namespace",
        "nothing",
        "functions have none here",
        (Use(call(namespace=None), says("hi")), Refusal(call(namespace="a"), "input[1].namespace")),
        "refused",
    ),
)
TEXT_PART = {"type": "output_text", "text": "a b"}
PICTURE_PART = {"type": "input_image", "image_url": WIDE}
STREAM_PART = {"type": "stream", "stream": {"stream_id": "demo", "frames": 2, "span_s": 0.05}}
OUTPUTS = (
    *(
        Row(f"input[].output[].{name}", "as in `content`", "the same", (Use(output(**of), shows),))
        for name, of, shows in (
            ("type", TEXT_PART, heard(3)),
            ("text", TEXT_PART, heard(3)),
            ("refusal", {"type": "refusal", "refusal": "No."}, heard(2)),
            ("image_url", PICTURE_PART, sees(1024, 256)),
            ("detail", {**PICTURE_PART, "detail": "low"}, sees(512, 128)),
            ("stream", STREAM_PART, looked(2)),
            ("stream.stream_id", STREAM_PART, looked(2)),
            ("stream.frames", STREAM_PART, looked(2)),
            ("stream.span_s", STREAM_PART, looked(2)),
        )
    ),
    Row(
        "input[].output[].file_id",
        "nothing",
        "files are not kept here",
        (Refusal(output(**PICTURE_PART, file_id="file-1"), "input[2].output[0].file_id"),),
        "refused",
    ),
    *(
        ignored(f"input[].output[].{name}", output(**TEXT_PART, **{name: [5]}))
        for name in ("annotations", "logprobs", "parsed")
    ),
    ignored(
        "input[].output[].prompt_cache_breakpoint",
        output(type="input_text", text="hi", prompt_cache_breakpoint={"mode": "explicit"}),
    ),
)
ANSWER = (
    Row(
        "model",
        "the name of a model, or nothing",
        "who answers; `default`, and nothing, mean the default one",
        (
            Use({"model": "echo"}, repeats(model="echo")),
            Use({"model": "default"}, repeats(model="echo")),
            Use({"model": None}, repeats(model="echo")),
            Refusal({"model": "gpt-4o"}, "model", "model_not_found", 404),
            Refusal({"model": 5}, "model"),
        ),
    ),
    Row(
        "instructions",
        "a string",
        "stands before everything else as a `system` message; not carried over to the next one",
        (
            Use({"instructions": "Be brief."}, heard(6)),
            Use({"instructions": None}, heard(4)),
            Refusal({"instructions": 5}, "instructions"),
        ),
    ),
    Row(
        "max_output_tokens",
        "1 to 1,000,000",
        "the answer's length at most; 512 where nothing is said",
        (
            Use({"max_output_tokens": 2}, cut),
            Use({"max_output_tokens": None}, says(WORDS)),
            *(
                Refusal({"max_output_tokens": value}, "max_output_tokens")
                for value in (0, "30", 30.0, True)
            ),
            Refusal({"max_output_tokens": 10**30}, "max_output_tokens"),
        ),
    ),
    Row(
        "temperature",
        "0 to 2",
        "chance; the engine's likeliest words where nothing is said",
        (
            Use({"temperature": 0.7}, repeats(temperature=0.7)),
            Refusal({"temperature": 2.1}, "temperature"),
            Refusal({"temperature": "hot"}, "temperature"),
            Refusal({"temperature": "0.7"}, "temperature"),
        ),
    ),
    Row(
        "top_p",
        "above 0, to 1",
        "the likeliest tokens, which have this share together",
        (Use({"top_p": 0.9}, repeats(top_p=0.9)), Refusal({"top_p": 0}, "top_p")),
    ),
    Row(
        "include",
        f"`{LOGPROBS}`",
        "how likely each token was; other names that OpenAI has are ignored",
        (
            Use({"include": [LOGPROBS]}, scored),
            Use({"include": [name for name in INCLUDABLE if name != LOGPROBS]}, says(WORDS)),
            Use({"include": []}, says(WORDS)),
            Refusal({"include": ["everything"]}, "include[0]"),
            Refusal({"include": "everything"}, "include"),
        ),
    ),
    Row(
        "top_logprobs",
        "0 to 20",
        "with `include`: so many other tokens beside each; without it nothing",
        (
            Use({"include": [LOGPROBS], "top_logprobs": 2}, repeats(top_logprobs=2)),
            Use({"top_logprobs": 2}, says(WORDS)),
            Refusal({"top_logprobs": 21}, "top_logprobs"),
        ),
    ),
    Row(
        "stream",
        "true or false",
        "the answer as it comes, as OpenAI's typed events",
        (
            Use({"stream": True}, streamed),
            Use({"stream": False}, says(WORDS)),
            Refusal({"stream": "sometimes"}, "stream"),
        ),
    ),
    Row(
        "stream_options",
        "an object",
        "nothing in it changes anything",
        (
            Use({"stream": True, "stream_options": {}}, streamed),
            Refusal({"stream_options": {"colour": 1}}, "stream_options.colour"),
        ),
    ),
    *(
        ignored(f"stream_options.{name}", {"stream_options": {name: True}}, does=does)
        for name, does in (
            ("include_obfuscation", "there is none"),
            ("include_usage", "a stream always ends with the usage"),
        )
    ),
    Row(
        "truncation",
        "`disabled`, `auto`",
        "nothing is ever left out: what is too long is refused, and the answer says `disabled`",
        (
            Use({"truncation": "auto"}, repeats(truncation="disabled")),
            Use({"truncation": "disabled"}, says(WORDS)),
            Refusal({"truncation": "always"}, "truncation"),
        ),
    ),
)
FORMATS = (
    Row(
        "text",
        "an object",
        "what the answer shall be",
        (Use({"text": {}}, says(WORDS)), Refusal({"text": "json"}, "text")),
    ),
    Row(
        "text.format",
        "an object",
        "prose where nothing is said",
        (
            Use({"text": {"format": None}}, says(WORDS)),
            Refusal({"text": {"format": "json"}}, "text.format"),
        ),
    ),
    Row(
        "text.format.type",
        "`text`, `json_object`, `json_schema`",
        "`json_object`: any object",
        (
            Use({"text": {"format": {"type": "text"}}}, says(WORDS)),
            Use(
                {"input": '{"a": 1}', "text": {"format": {"type": "json_object"}}}, says('{"a": 1}')
            ),
            Refusal({"text": {"format": {"type": "json_object"}}}, None, "invalid_output", 502),
            Refusal({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ),
    ),
    Row(
        "text.format.name",
        "1 to 64 letters, digits, `_`, `-`",
        "told to the model",
        (
            Use(schema(name="a-b_C1"), says('{"people": 2}')),
            Refusal(schema(name="a b"), "text.format.name"),
        ),
    ),
    Row(
        "text.format.schema",
        "as in `response_format` of a chat",
        "what the answer follows",
        (
            Use(schema(), says('{"people": 2}')),
            Refusal(schema(schema={"type": "car"}), "text.format.schema"),
            Refusal(schema(schema=None), "text.format.schema"),
            Refusal({**schema(), "input": '{"people": "two"}'}, None, "invalid_output", 502),
        ),
    ),
    Row(
        "text.format.strict",
        "true or false",
        "told to the engine; the answer is checked in any case",
        (
            Use(schema(strict=True), says('{"people": 2}')),
            Refusal(schema(strict="very"), "text.format.strict"),
        ),
    ),
    ignored("text.format.description", schema(description="Who is there")),
    ignored("text.verbosity", {"text": {"verbosity": "low"}}),
)
TOOLS = (
    Row(
        "tools",
        "at most 128",
        "functions that the model may have called; each name once",
        (
            Use({"tools": [LOOK, OPEN]}, says(WORDS)),
            Use({"tools": []}, says(WORDS)),
            Refusal({"tools": [LOOK, LOOK]}, "tools"),
            Refusal({"tools": [LOOK] * 129}, "tools"),
        ),
    ),
    Row(
        "tools[].type",
        "`function`",
        "tools that OpenAI runs itself are refused",
        (
            Use({"tools": [LOOK]}, says(WORDS)),
            *(
                Refusal({"tools": [LOOK, {"type": kind}]}, "tools[1].type")
                for kind in ("web_search", "file_search", "computer_use_preview", "mcp", "custom")
            ),
        ),
    ),
    Row(
        "tools[].name",
        "1 to 64 letters, digits, `_`, `-`",
        "its name",
        (
            Use({**tool(), "tool_choice": "required"}, calls("look")),
            Refusal(tool(name="a b"), "tools[0].name"),
            Refusal({"tools": [{"type": "function", "function": {}}]}, "tools[0].name"),
        ),
    ),
    Row(
        "tools[].description",
        "a string",
        "told to the model",
        (
            Use(tool(description="Looks."), says(WORDS)),
            Refusal(tool(description=5), "tools[0].description"),
        ),
    ),
    Row(
        "tools[].parameters",
        "JSON Schema, as large as that of an answer",
        "told to the model; the arguments are passed on as the model wrote them",
        (
            Use(tool(parameters=SCHEMA), says(WORDS)),
            Use(tool(parameters=None), says(WORDS)),
            Refusal(tool(parameters=[]), "tools[0].parameters"),
            Refusal(tool(parameters={"a": "b" * 70_000}), "tools[0].parameters"),
        ),
    ),
    Row(
        "tools[].strict",
        "true or false",
        "told to the engine; false where nothing is said",
        (
            Use(tool(strict=True), says(WORDS)),
            Refusal(tool(strict="very"), "tools[0].strict"),
        ),
    ),
    *(
        ignored(f"tools[].{name}", tool(**{name: None}))
        for name in ("allowed_callers", "async", "defer_loading", "output_schema")
    ),
    Row(
        "tool_choice",
        "`none`, `auto`, `required`, or an object",
        "whether a function must be called; `auto` if left out",
        (
            Use({"tools": [LOOK], "tool_choice": "required"}, calls("look")),
            Use({"tools": [LOOK], "tool_choice": "none"}, says(WORDS)),
            Use({"tool_choice": "auto"}, says(WORDS)),
            Refusal({"tool_choice": "required"}, "tool_choice"),
            Refusal({"tools": [LOOK], "tool_choice": "must"}, "tool_choice"),
        ),
    ),
    Row(
        "tool_choice.type",
        "`function`, `allowed_tools`",
        "one function, or some of them",
        (
            Use({"tools": [OPEN, LOOK], "tool_choice": named("look")}, calls("look")),
            Refusal({"tools": [LOOK], "tool_choice": {"type": "mcp"}}, "tool_choice.type"),
        ),
    ),
    Row(
        "tool_choice.name",
        "the name of a tool",
        "the one that must be called",
        (
            Use({"tools": [OPEN, LOOK], "tool_choice": named("look")}, calls("look")),
            Refusal({"tools": [OPEN], "tool_choice": named("look")}, "tool_choice"),
        ),
    ),
    Row(
        "tool_choice.mode",
        "`auto`, `required`",
        "of `allowed_tools`: whether one of them must be called",
        (
            Use(allowed(), calls("look")),
            Use(allowed(mode="auto"), says(WORDS)),
            Refusal(allowed(mode="none"), "tool_choice.mode"),
        ),
    ),
    Row(
        "tool_choice.tools",
        "1 to 128",
        "of `allowed_tools`: the only ones that may be called",
        (Use(allowed(), calls("look")), Refusal(allowed(tools=[]), "tool_choice.tools")),
    ),
    Row(
        "tool_choice.tools[].type",
        "`function`",
        "there is no other kind",
        (
            Use(allowed(), calls("look")),
            Refusal(allowed(tools=[{"type": "mcp", "name": "a"}]), "tool_choice.tools[0].type"),
        ),
    ),
    Row(
        "tool_choice.tools[].name",
        "the name of a tool",
        "which one",
        (Use(allowed(), calls("look")), Refusal(allowed(tools=[named("other")]), "tool_choice")),
    ),
    Row(
        "parallel_tool_calls",
        "true or false",
        "whether one answer may ask for several calls",
        (
            Use({"parallel_tool_calls": False}, repeats(parallel_tool_calls=False)),
            Refusal({"parallel_tool_calls": "maybe"}, "parallel_tool_calls"),
        ),
    ),
)
KEPT = (
    Row(
        "store",
        "true or false",
        "whether the answer is kept; true if left out",
        (
            Use({}, repeats(store=True)),
            Use({"store": False}, repeats(store=False)),
            Refusal({"store": "yes please"}, "store"),
        ),
    ),
    Row(
        "previous_response_id",
        "the id of an answer that is kept",
        "all that was said before stands before `input`; a camera is looked at again",
        (
            Use({"previous_response_id": None}, heard(4)),
            Refusal(
                {"previous_response_id": "resp_1"},
                *("previous_response_id", "previous_response_not_found"),
            ),
        ),
    ),
    Row(
        "metadata",
        "at most 16 names of 64 characters, with texts of 512",
        "told again in the answer",
        (
            Use({"metadata": {"run": "17"}}, repeats(metadata={"run": "17"})),
            Refusal({"metadata": {"a": 1}}, "metadata"),
            Refusal({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
            Refusal({"metadata": {"a": "b" * 513}}, "metadata"),
        ),
    ),
    *(
        Row(
            name,
            "a string of at most 512 characters",
            "told again in the answer, and no more",
            (Use({name: "me"}, repeats(**{name: "me"})), Refusal({name: {}}, name)),
            "ignored",
        )
        for name in ("user", "safety_identifier", "prompt_cache_key")
    ),
    Row(
        "max_tool_calls",
        "1 to 1,000,000",
        "of tools that OpenAI runs itself; told again in the answer, and no more",
        (Use({"max_tool_calls": 3}, repeats(max_tool_calls=3)),),
        "ignored",
    ),
    *(
        ignored(name, {name: value})
        for name, value in (
            ("access_programs", {"cyber": "standard"}),
            ("background_options", {"completion_window": "soonest"}),
            ("image", {"context_compression": "auto"}),
            ("prompt_cache_options", {"mode": "implicit"}),
            ("prompt_cache_retention", "24h"),
            ("reasoning", {"effort": "low", "summary": "auto"}),
            ("service_tier", "flex"),
        )
    ),
    refused("background", "nothing runs in the background: use `stream`", True),
    refused("conversation", "use `previous_response_id`", "conv_1", {"id": "conv_1"}),
    refused("prompt", "prompts are not kept here", {"id": "pmpt_1"}),
    refused("moderation", "", {"model": "omni"}),
    refused("context_management", "", [{"type": "compaction"}]),
)
RESPONSES = Table(
    PATH,
    ResponseRequest,
    {"input": WORDS},
    (*INPUT, *CALLS, *OUTPUTS, *ANSWER, *FORMATS, *TOOLS, *KEPT),
)

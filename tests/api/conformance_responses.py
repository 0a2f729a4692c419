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
    return lambda answer: answer.json()["usage"]["input_tokens"] == words


def repeats(**fields: Any) -> Shows:
    return lambda answer: {name: answer.json()[name] for name in fields} == fields


def scored(answer: httpx.Response) -> bool:
    scores = answer.json()["output"][0]["content"][0]["logprobs"]
    return [score["token"] for score in scores] == ["one", " two", " three", " four"]


def streamed(answer: httpx.Response) -> bool:
    return events_of(answer.text)[-1]["type"] == "response.completed"


def ignored(field: str, *values: Fields, does: str = "") -> Row:
    """Whatever stands in *field*, the answer is the same."""
    return Row(field, "anything", does, tuple(Use(fields) for fields in values), "ignored")


def refused(field: str, does: str, *wrong: Any) -> Row:
    cases = (Use({field: None}, says(WORDS)), *(Refusal({field: value}, field) for value in wrong))
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
    *(
        Row(
            f"input[].output[].{name}",
            "as in `content`",
            "the same",
            (Use(output(**fields), says("hi") if "text" in fields else sees(1024, 256)),),
            "ignored" if name in IGNORED_OF_PARTS else "honoured",
        )
        for name, fields in {
            "type": {"type": "input_text", "text": "a"},
            "text": {"type": "input_text", "text": "a"},
            "image_url": {"type": "input_image", "image_url": WIDE},
            "detail": {"type": "input_image", "image_url": WIDE, "detail": "high"},
        }.items()
    ),
)

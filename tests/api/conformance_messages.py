"""The fields of a chat: the conversation."""

from tests.api.asking import image
from tests.api.conformance_shows import (
    CALL,
    CALLING,
    TOLD,
    WIDE,
    WORDS,
    call,
    called,
    looked,
    part,
    says,
    sees,
    stream_part,
    talk,
    told,
    user,
)
from tests.api.conforming import Refusal, Row, Use

HI = user("hi")
MESSAGES = (
    Row(
        "messages",
        "1 to 256",
        "the conversation; the last turns matter most",
        (
            Use(talk(user("one"), {"role": "assistant", "content": "1"}, user("two")), says("two")),
            Refusal({"messages": None}, "messages"),
            Refusal({"messages": []}, "messages"),
            Refusal({"messages": "hi"}, "messages"),
            Refusal({"messages": [HI] * 257}, "messages"),
        ),
    ),
    Row(
        "messages[].role",
        "`system`, `developer`, `user`, `assistant`, `tool`",
        "`developer` is read as `system`",
        (
            *(
                Use(talk({"role": role, "content": "Be brief."}, HI), says("hi"))
                for role in ("system", "developer", "user", "assistant")
            ),
            Use(talk(HI, CALLING, TOLD), says("hi")),
            Refusal(talk({"role": "robot", "content": "hi"}), "messages[0].role"),
            Refusal(talk({"role": "function", "content": "hi"}), "messages[0].role"),
        ),
    ),
    Row(
        "messages[].content",
        "a string, or a list of at most 256 parts; an assistant's that calls tools: null",
        "what is said; 1,000,000 characters a text",
        (
            Use(talk(HI), says("hi")),
            Use(part(type="text", text="hi"), says("hi")),
            Use(talk(HI, CALLING, TOLD), says("hi")),
            Use(talk(HI, {"role": "assistant", "tool_calls": [CALL]}, TOLD), says("hi")),
            Refusal(talk({"role": "user", "content": None}), "messages[0].content"),
            Refusal(talk({"role": "assistant"}), "messages[0].content"),
            Refusal(talk(user("a" * 1_000_001)), "messages[0].content"),
        ),
    ),
    Row(
        "messages[].content[].type",
        "`text`, `image_url`, `stream`, `refusal`",
        "the kind of part; audio and files are refused",
        (
            Use(part(type="text", text="hi"), says("hi")),
            Refusal(part(type="input_audio", input_audio={}), "messages[0].content[0].type"),
            Refusal(part(type="file", file={}), "messages[0].content[0].type"),
        ),
    ),
    Row(
        "messages[].content[].text",
        "a string",
        "of a part `text`",
        (
            Use(part(type="text", text="ά🐈\n"), says("ά🐈\n")),
            Refusal(part(type="text", text=5), "messages[0].content[0].text"),
        ),
    ),
    Row(
        "messages[].content[].refusal",
        "a string",
        "of a part `refusal`: read as text",
        (
            Use(told(content=[{"type": "refusal", "refusal": "No."}]), says(WORDS)),
            Refusal(part(type="refusal"), "messages[0].content[0].refusal"),
        ),
    ),
    Row(
        "messages[].content[].image_url",
        "an object, or just the URL",
        "a picture or a camera, in its place among the texts",
        (
            Use(part(type="image_url", image_url=WIDE), sees(1024, 256)),
            Refusal(part(type="image_url"), "messages[0].content[0].image_url"),
        ),
    ),
    Row(
        "messages[].content[].image_url.url",
        "`http(s):`, `data:`, or [a camera](cameras.md)",
        "`?frames=4&span=2s` asks for several frames of a camera",
        (
            Use(talk(user(image(WIDE))), sees(1024, 256)),
            Use(talk(user(image("camera://demo"))), looked(1)),
            Use(talk(user(image("camera://demo?frames=2&span=50ms"))), looked(2)),
            Refusal(talk(user(image(""))), "messages[0].content[0].image_url.url"),
            Refusal(talk(user(image("ftp://a/b"))), "messages[0].content[0].image_url"),
            Refusal(
                talk(user(image("camera://attic"))),
                *("messages[0].content[0].image_url", "camera_not_found", 404),
            ),
        ),
    ),
    Row(
        "messages[].content[].image_url.detail",
        "`auto`, `low`, `high`, `original`",
        "`low` scales the longer side down to 512 pixels; the others leave the picture as it is",
        (
            Use(part(type="image_url", image_url={"url": WIDE, "detail": "low"}), sees(512, 128)),
            *(
                Use(
                    part(type="image_url", image_url={"url": WIDE, "detail": detail}),
                    sees(1024, 256),
                )
                for detail in ("auto", "high", "original")
            ),
            Refusal(
                part(type="image_url", image_url={"url": WIDE, "detail": "4k"}),
                "messages[0].content[0].image_url.detail",
            ),
        ),
    ),
    Row(
        "messages[].content[].stream",
        "an object",
        "of a part `stream`, ours: several frames of a camera that was added",
        (
            Use(stream_part(), looked(2)),
            Refusal(part(type="stream"), "messages[0].content[0].stream"),
        ),
    ),
    Row(
        "messages[].content[].stream.stream_id",
        "the id of a camera",
        "which one",
        (
            Use(stream_part(), looked(2)),
            Refusal(
                stream_part(stream_id="attic"),
                *("messages[0].content[0].stream", "camera_not_found", 404),
            ),
        ),
    ),
    Row(
        "messages[].content[].stream.frames",
        "1 to 8",
        "how many, the newest one last",
        (
            Use(stream_part(frames=3), looked(3)),
            *(
                Refusal(stream_part(frames=value), "messages[0].content[0].stream.frames")
                for value in (9, "3", 3.0)
            ),
        ),
    ),
    Row(
        "messages[].content[].stream.span_s",
        "0 to 10 seconds",
        "over how long",
        (
            Use(stream_part(frames=2, span_s=0.05), looked(2)),
            Refusal(stream_part(span_s=11), "messages[0].content[0].stream.span_s"),
        ),
    ),
    Row(
        "messages[].refusal",
        "a string",
        "stands for the content of an assistant's message that has none",
        (
            Use(told(content=None, refusal="No."), says(WORDS)),
            Refusal(told(refusal=5), "messages[0].refusal"),
        ),
    ),
    Row(
        "messages[].tool_calls",
        "a list, of an assistant's message",
        "what the assistant has asked for",
        (
            Use(talk(HI, CALLING, TOLD), says("hi")),
            Use(told(tool_calls=None), says(WORDS)),
            Refusal(talk({**HI, "tool_calls": [CALL]}), "messages[0].tool_calls"),
        ),
    ),
    Row(
        "messages[].tool_calls[].id",
        "a string",
        "which call it was",
        (Use(call(), says("Open it.")), Refusal(call(id=""), "messages[1].tool_calls[0].id")),
    ),
    Row(
        "messages[].tool_calls[].type",
        "`function`",
        "there is no other kind",
        (
            Use(call(), says("Open it.")),
            Refusal(call(type="custom"), "messages[1].tool_calls[0].type"),
        ),
    ),
    Row(
        "messages[].tool_calls[].function",
        "an object",
        "the function that was called",
        (
            Use(called(), says("Open it.")),
            Refusal(call(function=None), "messages[1].tool_calls[0].function"),
        ),
    ),
    Row(
        "messages[].tool_calls[].function.name",
        "a string",
        "its name",
        (
            Use(called(), says("Open it.")),
            Refusal(called(name="a b"), "messages[1].tool_calls[0].function.name"),
        ),
    ),
    Row(
        "messages[].tool_calls[].function.arguments",
        "a string",
        "its arguments, as the model wrote them",
        (
            Use(called(arguments="not JSON"), says("Open it.")),
            Refusal(called(arguments={}), "messages[1].tool_calls[0].function.arguments"),
        ),
    ),
    Row(
        "messages[].tool_call_id",
        "the id of an earlier call; of a tool's message",
        "which call it answers",
        (
            Use(talk(HI, CALLING, TOLD), says("hi")),
            Refusal(
                talk(HI, CALLING, {"role": "tool", "content": "a"}), "messages[2].tool_call_id"
            ),
            Refusal(talk(TOLD, HI), "messages[0].tool_call_id"),
            Refusal(talk(TOLD, HI, CALLING), "messages[0].tool_call_id"),
            Refusal(talk({**HI, "tool_call_id": "call_1"}), "messages[0].tool_call_id"),
        ),
    ),
    Row(
        "messages[].function_call",
        "nothing",
        "deprecated: use `tool_calls`",
        (
            Use(told(function_call=None), says(WORDS)),
            Refusal(
                told(function_call={"name": "a", "arguments": ""}), "messages[0].function_call"
            ),
        ),
        "refused",
    ),
    Row(
        "messages[].audio",
        "nothing",
        "there is no audio",
        (
            Use(told(audio=None), says(WORDS)),
            Refusal(told(audio={"id": "a"}), "messages[0].audio"),
        ),
        "refused",
    ),
    *(
        Row(
            f"messages[].{name}",
            "anything",
            "",
            (Use(told(**{name: value}), says(WORDS)),),
            "ignored",
        )
        for name, value in (("name", "Ann"), ("annotations", []), ("parsed", {"people": 2}))
    ),
    Row(
        "messages[].tool_calls[].index",
        "anything",
        "of a stream, where a client has left it in",
        (Use(call(index=0), says("Open it.")),),
        "ignored",
    ),
    Row(
        "messages[].tool_calls[].function.parsed_arguments",
        "anything",
        "OpenAI's client adds it",
        (Use(called(parsed_arguments={}), says("Open it.")),),
        "ignored",
    ),
    Row(
        "messages[].content[].prompt_cache_breakpoint",
        "anything",
        "",
        (
            Use(
                part(type="text", text="hi", prompt_cache_breakpoint={"mode": "explicit"}),
                says("hi"),
            ),
        ),
        "ignored",
    ),
)

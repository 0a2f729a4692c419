"""What one version of Lookout writes, every later one of the same wire version reads."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import (
    CallDelta,
    CameraFrames,
    CameraSpec,
    Chat,
    Delta,
    Failed,
    Finished,
    Format,
    FrameDescriptor,
    FrameUsed,
    Job,
    Judge,
    Judged,
    Likely,
    Message,
    Question,
    Reply,
    Sampling,
    StoredPicture,
    Text,
    Timings,
    TokenScore,
    Tool,
    ToolCall,
    decode_camera_spec,
    decode_descriptor,
    decode_job,
    decode_reply,
    encode,
)

Wire = Job | Reply | CameraSpec | FrameDescriptor

JOB = Job(
    id="j1",
    model="m",
    process="api-1",
    task=Chat(
        (
            Message("system", (Text("brief"),)),
            Message("user", (CameraFrames("front", 4, 2.0), StoredPicture("ab"), Text("who?"))),
        ),
        Sampling(max_tokens=9, temperature=0.5, seed=7, stop=("\n",)),
        stream=True,
    ),
    created=1.5,
    deadline=2.5,
)
ZONE = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0))
JUDGE = Judge(
    CameraFrames("front"),
    (Question("fire?"), Question("dog?", ZONE, "mask", "Look: {question}")),
    evidence_above=0.75,
)
JUDGING = Job("j2", "m", "alerts-1", JUDGE, created=1.5, deadline=2.5)
REPLY = Reply(
    "j1",
    2,
    3,
    (
        Delta("a"),
        Finished("length", 4, 5, (FrameUsed("front", 6, 7.5, 8.5, 9, 10),), Timings(1.0, 2.0)),
        Judged((0.25, None), "text", evidence=True, evidence_ms=4.5),
        Failed("bad_image", "broken", "messages[0]"),
    ),
)
# What came later, with a default for those who do not send it.
LATER_JOB = Job(
    "j3",
    "m",
    "api-1",
    Chat(
        (
            Message("user", (StoredPicture("ab", 512), CameraFrames("front", max_side=512))),
            Message("assistant", (), (ToolCall("c1", "look", "{}"),)),
            Message("tool", (Text("a cat"),), call_id="c1"),
        ),
        Sampling(
            logit_bias=((7, -1.5),),
            logprobs=2,
            format=Format('{"type":"object"}', "thing", strict=True),
            tools=(Tool("look", "Looks.", '{"type":"object"}', strict=True),),
            tool_choice="function:look",
            parallel_calls=False,
        ),
        n=3,
    ),
    created=1.5,
    deadline=2.5,
)
LATER_REPLY = Reply(
    "j3",
    1,
    0,
    (
        Delta("a", 2, (TokenScore(Likely("a", -0.5, b"a"), (Likely("b", -1.5, b"\xc3"),)),)),
        Delta("", calls=(CallDelta(1, "c1", "look", "{"), CallDelta(1, arguments="}"))),
        Finished("tool_calls", 4, 5, more=("stop", "content_filter"), cached_tokens=3),
    ),
)
WAITING_REPLY = Reply("j4", 0, 0, (Failed("overloaded", "busy", retry_after_s=7.0),))
SPEC = CameraSpec("front", "rtsp://10.0.0.5/1", explicit=True)
DESCRIPTOR = FrameDescriptor("front", "ab12", 3, 11, 12, 1280, 720, 13.5, 14.5, 0.25)

# Bytes as version 1 wrote them first. Never renew one: a reader of old bytes would break.
GOLDEN: list[tuple[Wire, Callable[[bytes], Wire], str]] = [
    (
        JOB,
        decode_job,
        "87a474797065a56a6f622f31a26964a26a31a56d6f64656ca16da770726f63657373a56170692d31"
        "a47461736b84a474797065a463686174a86d657373616765739282a4726f6c65a673797374656da5"
        "70617274739182a474797065a474657874a474657874a5627269656682a4726f6c65a475736572a5"
        "70617274739384a474797065a663616d657261a663616d657261a566726f6e74a66672616d657304"
        "a67370616e5f73cb400000000000000082a474797065a770696374757265a6646967657374a26162"
        "82a474797065a474657874a474657874a477686f3fa873616d706c696e6788aa6d61785f746f6b65"
        "6e7309aa6d696e5f746f6b656e7300ab74656d7065726174757265cb3fe0000000000000a5746f70"
        "5f70c0a47365656407a473746f7091a10ab070726573656e63655f70656e616c7479cb0000000000"
        "000000b16672657175656e63795f70656e616c7479cb0000000000000000a673747265616dc3a763"
        "726561746564cb3ff8000000000000a8646561646c696e65cb4004000000000000",
    ),
    (
        JUDGING,
        decode_job,
        "87a474797065a56a6f622f31a26964a26a32a56d6f64656ca16da770726f63657373a8616c657274"
        "732d31a47461736b85a474797065a56a75646765a66672616d657384a474797065a663616d657261"
        "a663616d657261a566726f6e74a66672616d657301a67370616e5f73cb0000000000000000a97175"
        "657374696f6e739284a474657874a5666972653fa47a6f6e6590a97a6f6e655f6d6f6465a463726f"
        "70a670726f6d7074a084a474657874a4646f673fa47a6f6e659392cb0000000000000000cb3fe000"
        "000000000092cb3ff0000000000000cb3fe000000000000092cb3ff0000000000000cb3ff0000000"
        "000000a97a6f6e655f6d6f6465a46d61736ba670726f6d7074b04c6f6f6b3a207b7175657374696f"
        "6e7dae65766964656e63655f61626f7665cb3fe8000000000000a96d61785f6167655f73cb401400"
        "0000000000a763726561746564cb3ff8000000000000a8646561646c696e65cb4004000000000000",
    ),
    (
        REPLY,
        decode_reply,
        "85a474797065a77265706c792f31a66a6f625f6964a26a31a7617474656d707402a5666972737403"
        "a66576656e74739482a474797065a544656c7461a474657874a16186a474797065a846696e697368"
        "6564a6726561736f6ea66c656e677468ad70726f6d70745f746f6b656e7304b1636f6d706c657469"
        "6f6e5f746f6b656e7305a66672616d65739186a663616d657261a566726f6e74a373657106ab6361"
        "7074757265645f6174cb401e000000000000a66167655f6d73cb4021000000000000a57769647468"
        "09a66865696768740aa774696d696e677384a57175657565cb3ff0000000000000a8706963747572"
        "6573cb4000000000000000ab66697273745f746f6b656ecb0000000000000000a6656e67696e65cb"
        "000000000000000087a474797065a64a7564676564a673636f72657392cb3fd0000000000000c0a2"
        "6279a474657874a66672616d657390a774696d696e677384a57175657565cb0000000000000000a8"
        "7069637475726573cb0000000000000000ab66697273745f746f6b656ecb0000000000000000a665"
        "6e67696e65cb0000000000000000a865766964656e6365c3ab65766964656e63655f6d73cb401200"
        "000000000084a474797065a64661696c6564a4636f6465a96261645f696d616765a76d6573736167"
        "65a662726f6b656ea5706172616dab6d657373616765735b305d",
    ),
    (
        SPEC,
        decode_camera_spec,
        "84a26964a566726f6e74a375726cb1727473703a2f2f31302e302e302e352f31a86578706c696369"
        "74c3a773657474696e67c2",
    ),
    (
        DESCRIPTOR,
        decode_descriptor,
        "8ba474797065a76672616d652f31a663616d657261a566726f6e74a8696e7374616e6365a4616231"
        "32a4736c6f7403aa67656e65726174696f6e0ba37365710ca57769647468cd0500a6686569676874"
        "cd02d0ab63617074757265645f6174cb402b000000000000ad63617074757265645f6d6f6e6fcb40"
        "2d000000000000a66d6f74696f6ecb3fd0000000000000",
    ),
    (
        LATER_JOB,
        decode_job,
        "87a474797065a56a6f622f31a26964a26a33a56d6f64656ca16da770726f63657373a56170692d31"
        "a47461736b85a474797065a463686174a86d657373616765739384a4726f6c65a475736572a57061"
        "7274739283a474797065a770696374757265a6646967657374a26162a86d61785f73696465cd0200"
        "85a474797065a663616d657261a663616d657261a566726f6e74a66672616d657301a67370616e5f"
        "73cb0000000000000000a86d61785f73696465cd0200a563616c6c7390a763616c6c5f6964a084a4"
        "726f6c65a9617373697374616e74a5706172747390a563616c6c739183a26964a26331a46e616d65"
        "a46c6f6f6ba9617267756d656e7473a27b7da763616c6c5f6964a084a4726f6c65a4746f6f6ca570"
        "617274739182a474797065a474657874a474657874a56120636174a563616c6c7390a763616c6c5f"
        "6964a26331a873616d706c696e678eaa6d61785f746f6b656e73cd0100aa6d696e5f746f6b656e73"
        "00ab74656d7065726174757265c0a5746f705f70c0a473656564c0a473746f7090b070726573656e"
        "63655f70656e616c7479cb0000000000000000b16672657175656e63795f70656e616c7479cb0000"
        "000000000000aa6c6f6769745f62696173919207cbbff8000000000000a86c6f6770726f627302a6"
        "666f726d617483a6736368656d61b17b2274797065223a226f626a656374227da46e616d65a57468"
        "696e67a6737472696374c3a5746f6f6c739184a46e616d65a46c6f6f6bab6465736372697074696f"
        "6ea64c6f6f6b732eaa706172616d6574657273b17b2274797065223a226f626a656374227da67374"
        "72696374c3ab746f6f6c5f63686f696365ad66756e6374696f6e3a6c6f6f6bae706172616c6c656c"
        "5f63616c6c73c2a673747265616dc2a16e03a763726561746564cb3ff8000000000000a864656164"
        "6c696e65cb4004000000000000",
    ),
    (
        LATER_REPLY,
        decode_reply,
        "85a474797065a77265706c792f31a66a6f625f6964a26a33a7617474656d707401a5666972737400"
        "a66576656e74739385a474797065a544656c7461a474657874a161a663686f69636502a673636f72"
        "65739182a663686f73656e83a5746f6b656ea161a76c6f6770726f62cbbfe0000000000000a46461"
        "7461c40161a66f74686572739183a5746f6b656ea162a76c6f6770726f62cbbff8000000000000a4"
        "64617461c401c3a563616c6c739085a474797065a544656c7461a474657874a0a663686f69636500"
        "a673636f72657390a563616c6c739284a5696e64657801a26964a26331a46e616d65a46c6f6f6ba9"
        "617267756d656e7473a17b84a5696e64657801a26964a0a46e616d65a0a9617267756d656e7473a1"
        "7d88a474797065a846696e6973686564a6726561736f6eaa746f6f6c5f63616c6c73ad70726f6d70"
        "745f746f6b656e7304b1636f6d706c6574696f6e5f746f6b656e7305a66672616d657390a774696d"
        "696e677384a57175657565cb0000000000000000a87069637475726573cb0000000000000000ab66"
        "697273745f746f6b656ecb0000000000000000a6656e67696e65cb0000000000000000a46d6f7265"
        "92a473746f70ae636f6e74656e745f66696c746572ad6361636865645f746f6b656e7303",
    ),
    (
        WAITING_REPLY,
        decode_reply,
        "85a474797065a77265706c792f31a66a6f625f6964a26a34a7617474656d707400a5666972737400"
        "a66576656e74739185a474797065a64661696c6564a4636f6465aa6f7665726c6f61646564a76d65"
        "7373616765a462757379a5706172616dc0ad72657472795f61667465725f73cb401c000000000000",
    ),
]


@pytest.mark.parametrize(
    ("message", "decode", "golden"),
    GOLDEN,
    ids=["job", "judge", "reply", "spec", "frame", "later job", "later reply", "waiting reply"],
)
def test_the_first_bytes_of_this_version_are_still_read(
    message: Wire, decode: Callable[[bytes], Wire], golden: str
) -> None:
    assert decode(bytes.fromhex(golden)) == message


def test_another_version_is_refused_and_not_misread() -> None:
    newer = encode(JOB).replace(b"job/1", b"job/2")
    with pytest.raises(msgspec.ValidationError):
        decode_job(newer)


def test_a_field_added_later_is_no_obstacle() -> None:
    fields = msgspec.msgpack.decode(encode(SPEC)) | {"colour": "red"}
    assert decode_camera_spec(msgspec.msgpack.encode(fields)) == SPEC


parts = st.one_of(
    st.builds(Text, st.text()),
    st.builds(StoredPicture, st.text(), st.integers(0, 4096)),
    st.builds(CameraFrames, st.text(), st.integers(1, 8), st.floats(0, 10), st.integers(0, 4096)),
)
calls = st.builds(ToolCall, st.text(), st.text(), st.text())
messages = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    st.lists(parts).map(tuple),
    st.lists(calls, max_size=2).map(tuple),
    st.text(),
)
tools = st.builds(Tool, st.text(), st.text(), st.text(), st.booleans())
samplings = st.builds(
    Sampling,
    logit_bias=st.lists(st.tuples(st.integers(0, 1 << 20), st.floats(-100, 100))).map(tuple),
    logprobs=st.none() | st.integers(0, 20),
    format=st.none() | st.builds(Format, st.text(), st.text(), st.booleans()),
    tools=st.lists(tools, max_size=2).map(tuple),
    tool_choice=st.text(),
)
zones = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1))).map(tuple)
questions = st.builds(Question, st.text(), zones, st.sampled_from(["crop", "mask"]), st.text())
tasks = st.one_of(
    st.builds(Chat, st.lists(messages).map(tuple), samplings, st.booleans(), st.integers(1, 8)),
    st.builds(Judge, st.builds(CameraFrames, st.text()), st.lists(questions).map(tuple)),
)


@given(tasks, st.text(), st.floats(0, 4e9))
def test_any_job_survives_the_wire(task: Chat | Judge, text: str, at: float) -> None:
    job = Job(text, text, text, task, at, at)
    assert decode_job(encode(job)) == job


likely = st.builds(Likely, st.text(), st.floats(-99, 0), st.binary(max_size=4))
scores = st.builds(TokenScore, likely, st.lists(likely, max_size=2).map(tuple))
call_deltas = st.builds(CallDelta, st.integers(0, 9), st.text(), st.text(), st.text())
counts = st.integers(0, 1 << 40)
reasons = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])
events = st.one_of(
    st.builds(
        Delta,
        st.text(),
        st.integers(0, 7),
        st.lists(scores, max_size=2).map(tuple),
        st.lists(call_deltas, max_size=2).map(tuple),
    ),
    st.builds(
        Finished,
        reasons,
        counts,
        counts,
        more=st.lists(reasons).map(tuple),
        cached_tokens=counts,
    ),
)


@given(st.lists(events).map(tuple), st.text(), st.integers(0, 99))
def test_any_answer_survives_the_wire(
    told: tuple[Delta | Finished, ...], text: str, number: int
) -> None:
    reply = Reply(text, number, number, told)
    assert decode_reply(encode(reply)) == reply


@given(st.binary())
def test_garbage_is_an_error_and_nothing_else(data: bytes) -> None:
    for decode in (decode_job, decode_reply, decode_camera_spec, decode_descriptor):
        with pytest.raises(msgspec.DecodeError):
            decode(data)

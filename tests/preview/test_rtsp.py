"""Requests and answers as bytes: whatever comes, it is understood or refused."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from preview import digest
from preview.inbox import Inbox, Packet
from preview.rtsp import (
    HEAD_BYTES,
    Answer,
    Message,
    RtspError,
    base_of,
    cseq_of,
    encode_answer,
    encode_request,
    is_live_range,
    path_of,
    request_of,
    status_of,
)
from preview.transport import Datagrams, Interleaved, parse_transport

WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
MESSAGES = st.builds(
    lambda method, path, headers, body: encode_request(
        method.upper(), f"rtsp://host/{path}", {f"X-{name}": value for name, value in headers}, body
    ),
    st.sampled_from(["options", "DESCRIBE", "Play"]),
    WORDS,
    st.lists(st.tuples(WORDS, WORDS), max_size=4, unique_by=lambda pair: pair[0].lower()),
    st.binary(max_size=300),
)
PACKETS = st.builds(
    lambda channel, data: b"$" + bytes([channel]) + len(data).to_bytes(2, "big") + data,
    st.integers(0, 255),
    st.binary(max_size=300),
)


def cut(pieces: list[bytes]) -> list[Message | Packet]:
    inbox, items = Inbox(), list[Message | Packet]()
    for piece in pieces:
        inbox.feed(piece)
        items.extend(inbox.take())
    assert not inbox.partial
    return items


@given(st.lists(st.one_of(MESSAGES, PACKETS), max_size=6), st.data())
def test_what_arrives_is_understood_however_it_was_cut(
    parts: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(parts)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    edges = [0, *cuts, len(stream)]
    whole = cut(parts)
    assert len(whole) == len(parts)
    assert cut([stream[a:b] for a, b in pairwise(edges)]) == whole


@given(st.binary(max_size=400))
def test_noise_is_refused_or_waited_for(noise: bytes) -> None:
    inbox = Inbox()
    inbox.feed(noise)
    try:
        for item in inbox.take():
            if isinstance(item, Message):
                request_of(item)
                cseq_of(item.headers)
    except RtspError as error:
        assert 400 <= error.status < 600


def refusal(data: bytes) -> tuple[int, bool]:
    try:
        for item in cut([data]):
            assert isinstance(item, Message)
            cseq_of(item.headers)
            request_of(item)
    except RtspError as error:
        return error.status, error.fatal
    return 200, False


def test_what_is_too_long_or_makes_no_sense_is_refused() -> None:
    head = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n"
    assert refusal(f"{head}\r\n".encode()) == (200, False)
    assert refusal(b"x" * (HEAD_BYTES + 1)) == (400, True)
    assert refusal(f"{head}X: {'y' * HEAD_BYTES}\r\n\r\n".encode()) == (400, True)
    assert refusal(f"{head}Content-Length: 5000\r\n\r\n".encode()) == (413, True)
    assert refusal(f"{head}Content-Length: -1\r\n\r\n".encode()) == (400, True)
    assert refusal(f"{head}no colon\r\n\r\n".encode()) == (400, True)
    assert refusal(b"OPTIONS * RTSP/1.0\r\n\r\n") == (400, False)
    assert refusal(b"OPTIONS * RTSP/1.0\r\nCSeq: one\r\n\r\n") == (400, False)
    assert refusal(b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n") == (505, False)
    assert refusal(b"GET / HTTP/1.1\r\nCSeq: 1\r\n\r\n") == (400, True)


@given(st.integers(0, 10**9), st.dictionaries(WORDS, WORDS, max_size=3), st.binary(max_size=99))
def test_an_answer_is_read_as_it_was_meant(cseq: int, headers: dict[str, str], body: bytes) -> None:
    named = {f"X-{name.lower()}": value for name, value in headers.items()}
    (read,) = cut([encode_answer(Answer(454, named, body), cseq)])
    assert isinstance(read, Message)
    assert (status_of(read), cseq_of(read.headers), read.body) == (454, cseq, body)
    assert {name: read.headers[name.lower()] for name in named} == named


def transport(header: str) -> Interleaved | Datagrams | None:
    try:
        return parse_transport(header)
    except RtspError as error:
        assert error.status == 461
        return None


def test_the_first_transport_that_we_can_meet_is_taken() -> None:
    assert transport("RTP/AVP/TCP;unicast;interleaved=4-5") == Interleaved(4, 5)
    assert transport("RTP/AVP/TCP") == Interleaved(0, 1)
    assert transport("RTP/AVP;unicast;client_port=5000-5001;mode=play") == Datagrams(5000, 5001)
    assert transport("RTP/AVP/UDP;unicast;client_port=5000") == Datagrams(5000, 5001)
    assert transport("RTP/AVP;multicast;port=1-2, RTP/AVP/TCP;interleaved=2-3") == Interleaved(2, 3)
    for refused in (
        "",
        "RTP/SAVP;client_port=1-2",
        "RTP/AVP;unicast",
        "RTP/AVP;client_port=0-1",
        "RTP/AVP;client_port=65535-65536",
        "RTP/AVP/TCP;interleaved=255-256",
        "RTP/AVP/TCP;interleaved=3-3",
        'RTP/AVP/TCP;interleaved=0-1;mode="record"',
    ):
        assert transport(refused) is None


@given(st.text(max_size=80))
def test_no_transport_is_misread(header: str) -> None:
    chosen = transport(header)
    assert chosen is None or 0 <= chosen.rtp != chosen.rtcp < 65536


def test_the_path_is_the_camera_whatever_stands_around_it() -> None:
    for url in (
        "rtsp://h:1/front",
        "rtsp://h/front/",
        "rtsp://u:p@h/front/trackID=0?x=y",
        "/front",
    ):
        assert path_of(url) == "front"
    assert path_of("*") == "*"
    for url in ("rtsp://u:p@h:1/out", "rtsp://h:1/out/?a=b", "rtsp://h:1/out/trackID=0"):
        assert base_of(url) == "rtsp://h:1/out/"


@given(st.text(max_size=60))
def test_no_url_breaks_the_parser(url: str) -> None:
    for parse in (path_of, base_of):
        try:
            assert isinstance(parse(url), str)
        except RtspError as error:
            assert error.status == 404


def test_a_live_picture_has_no_yesterday() -> None:
    assert all(map(is_live_range, ("", "npt=now-", "npt=0.000-", "npt=0-10")))
    assert not any(map(is_live_range, ("clock=19961108T142300Z-", "smpte=0:10:20-", "npt=x", "7")))


LOGIN = ("ann", 'p"ass, wörd')


@given(WORDS, WORDS)
def test_only_the_password_answers_the_challenge(nonce: str, other: str) -> None:
    asked = digest.challenge(nonce)
    given_ = digest.authorization(asked, "PLAY", "rtsp://h/out", LOGIN)
    assert digest.is_right(given_, "PLAY", LOGIN, nonce)
    assert not digest.is_right(given_, "TEARDOWN", LOGIN, nonce)
    assert not digest.is_right(given_, "PLAY", LOGIN, nonce + other)
    assert not digest.is_right(given_, "PLAY", ("ann", other), nonce)
    assert not digest.is_right(given_, "PLAY", (other + "ann", LOGIN[1]), nonce)


def test_a_digest_is_the_one_of_the_standard() -> None:
    right = digest.response(
        ("Mufasa", "CircleOfLife"),
        "testrealm@host.com",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "GET:/dir/index.html",
    )
    assert right == "1949323746fe6a43ef61f9606e7febea"
    asked = 'Basic realm="x", Digest realm="r", nonce="n", algorithm="SHA-256"'
    assert 'algorithm="SHA-256"' in digest.authorization(asked, "PLAY", "rtsp://h", LOGIN)
    assert digest.authorization('Basic realm="x"', "PLAY", "u", ("a", "b")) == "Basic YTpi"


@given(st.text(max_size=200))
def test_no_login_breaks_the_check(header: str) -> None:
    assert not digest.is_right(header, "PLAY", LOGIN, "nonce")
    assert not digest.is_right(f"Digest {header}", "PLAY", LOGIN, "nonce")

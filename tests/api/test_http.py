"""The server under load and under abuse: everyone gets their own answer, and it serves on."""

import asyncio
import gzip
import json
import socket
from contextlib import ExitStack
from time import monotonic

import httpx
import pytest

from tests.api.asking import CHAT, RED, ask, data_url, file_of, image, refused, said, seen, solid
from tests.api.conftest import Tight
from tests.api.test_hostile_pictures import forget_peak, peak_mib
from tests.stack import Stack

QUESTION = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
HEAD = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" % CHAT.encode()


def connected(stack: Stack) -> socket.socket:
    return socket.create_connection(stack.address, timeout=5)


def read_answers(connection: socket.socket, count: int = 1) -> list[bytes]:
    """Bodies of so many answers, each with its length announced."""
    bodies = []
    with connection.makefile("rb") as file:
        for _ in range(count):
            assert b"200 OK" in file.readline()
            headers = dict(line.lower().split(b": ") for line in iter(file.readline, b"\r\n"))
            bodies.append(file.read(int(headers[b"content-length"])))
    return bodies


def is_serving(http: httpx.Client) -> bool:
    return said(ask(http, "still there?")) == "still there?"


def test_a_hundred_questions_at_once_get_a_hundred_answers(echo_stack: Stack) -> None:
    def colour_of(number: int) -> tuple[int, int, int]:
        return (number, 255 - number, number * 2)

    async def ask_one(http: httpx.AsyncClient, number: int) -> None:
        content: list[object] = [{"type": "text", "text": f"question {number}"}]
        content.append(image(data_url(file_of(solid(colour_of(number), number + 1, 8)))))
        messages = [{"role": "user", "content": content}]
        answer = await http.post(CHAT, json={"messages": messages})
        assert said(answer).splitlines()[0] == f"question {number}"
        for picture in seen(answer):
            assert (picture.width, picture.colour) == (number + 1, colour_of(number))
        assert len(seen(answer)) == 1

    async def scenario() -> None:
        limits = httpx.Limits(max_connections=100)
        async with (
            httpx.AsyncClient(
                base_url=echo_stack.url, timeout=30, trust_env=False, verify=False, limits=limits
            ) as http,
            asyncio.TaskGroup() as group,
        ):
            for number in range(100):
                group.create_task(ask_one(http, number))

    asyncio.run(scenario())


def test_a_body_that_is_announced_as_too_large_is_not_waited_for(tight: Tight) -> None:
    with connected(tight.stack) as connection:
        connection.sendall(HEAD + b"Content-Length: 999999999999\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_turns_out_too_large_is_refused(tight: Tight) -> None:
    pieces = [b'{"messages": "'] + [b"x" * 65536] * 64
    headers = {"content-type": "application/json"}
    answer = tight.http.post(CHAT, content=iter(pieces), headers=headers)
    assert "3 MiB" in refused(answer, 413, "request_too_large")


def test_a_body_within_the_limit_may_come_in_pieces(tight: Tight) -> None:
    pieces = (QUESTION[at : at + 1] for at in range(len(QUESTION)))
    headers = {"content-type": "application/json"}
    assert said(tight.http.post(CHAT, content=pieces, headers=headers)) == "hi"
    padding = b" " * (3 * 2**20 - len(QUESTION))
    answer = tight.http.post(CHAT, content=QUESTION + padding, headers=headers)
    assert said(answer) == "hi"
    answer = tight.http.post(CHAT, content=QUESTION + padding + b" ", headers=headers)
    refused(answer, 413, "request_too_large")


def test_a_body_without_end_costs_no_memory(tight: Tight) -> None:
    (api,) = tight.stack.pids("-m api")
    forget_peak(api)
    before = peak_mib(api)
    with connected(tight.stack) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n%s\r\n" % (1 << 20, bytes(1 << 20))
        with pytest.raises(ConnectionError):  # it hangs up on us, sooner or later
            for _ in range(200):
                connection.sendall(chunk)
            connection.recv(100)
            raise ConnectionError("it has read all that")
    assert peak_mib(api) - before < 50
    assert is_serving(tight.http)


def test_a_packed_body_is_not_unpacked(lookout: httpx.Client) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = lookout.post(CHAT, content=gzip.compress(QUESTION), headers=headers)
    refused(answer, 400, "bad_request")


GARBAGE = [
    b"",
    b"\r\n\r\n",
    b"\x00" * 1000,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # somebody speaks TLS
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n",
    b"G\xff\xfeT / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://elsewhere/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    HEAD + b"Content-Length: -5\r\n\r\n",
    HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    HEAD + b"Content-Length: 100\r\n\r\nonly this",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
    HEAD + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
]


@pytest.mark.parametrize("leave", ["at once", "half", "hard"])
def test_garbage_does_not_stop_it(lookout: httpx.Client, echo_stack: Stack, leave: str) -> None:
    (api,) = echo_stack.pids("-m api")
    for garbage in GARBAGE:
        with connected(echo_stack) as connection:
            connection.sendall(garbage)
            if leave == "half":
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            elif leave == "hard":  # a reset instead of a farewell
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert is_serving(lookout)
    assert echo_stack.pids("-m api") == [api]


def test_visitors_who_say_nothing_keep_nobody_out(lookout: httpx.Client, echo_stack: Stack) -> None:
    with ExitStack() as stack:
        for number in range(200):
            connection = stack.enter_context(connected(echo_stack))
            connection.sendall((HEAD + b"X-Slow: ")[: number % 60])
        began = monotonic()
        assert is_serving(lookout)
        assert monotonic() - began < 3


def test_questions_in_one_breath_are_answered_in_order(echo_stack: Stack) -> None:
    requests = b""
    for number in range(5):
        body = QUESTION.replace(b"hi", b"question %d" % number)
        requests += HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    with connected(echo_stack) as connection:
        connection.sendall(requests)
        answers = read_answers(connection, 5)
    texts = [json.loads(answer)["choices"][0]["message"]["content"] for answer in answers]
    assert texts == [f"question {number}" for number in range(5)]


def test_a_question_may_come_letter_by_letter(echo_stack: Stack) -> None:
    request = HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(QUESTION), QUESTION)
    with connected(echo_stack) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            connection.sendall(bytes([byte]))
        (answer,) = read_answers(connection)
    assert json.loads(answer)["choices"][0]["message"]["content"] == "hi"


def test_who_leaves_before_the_answer_is_only_counted(tight: Tight) -> None:
    body = QUESTION.replace(b"hi", b"word " * 80)
    with connected(tight.stack) as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    began = monotonic()
    assert is_serving(tight.http)
    assert monotonic() - began < 1.5


def test_a_picture_of_the_size_of_the_limit_does_not_take_for_ever(lookout: httpx.Client) -> None:
    url = data_url(file_of(solid(RED)) + bytes(30 << 20))
    began = monotonic()
    (picture,) = seen(ask(lookout, image(url)))
    assert picture.colour == RED
    assert monotonic() - began < 20  # what grows with the square of the size takes minutes

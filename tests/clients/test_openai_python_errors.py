"""OpenAI's client for Python, as it is: what it makes of refusals, waits and broken connections."""

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from time import monotonic
from typing import Any

import openai
import pytest

from compose.ports import free_port
from tests.api.asking import image
from tests.clients.conftest import CONNECTIONS, KEY, Narrow, async_client, openai_client
from tests.clients.saying import said, user, words
from tests.conftest import Run
from tests.stack import Stack
from tests.waiting import until

LONG = words(120)  # six seconds of the narrow stack


def slow(client: openai.OpenAI, text: str, **fields: Any) -> Any:
    return client.chat.completions.create(model="slow", messages=[user(text)], **fields)


def is_soon_free(client: openai.OpenAI) -> bool:
    """Whether the narrow stack answers before the end of what it was asked `LONG` ago."""
    began = monotonic()
    answered = said(slow(client.with_options(max_retries=5), "next"))
    return answered == "next" and monotonic() - began < 4


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"temperature": 3}, "bad_request", "temperature"),
    ({"n": 0}, "bad_request", "n"),
    ({"messages": []}, "bad_request", "messages"),
    ({"messages": [{"role": "king", "content": "Hi"}]}, "bad_request", "messages[0].role"),
    ({"extra_body": {"tempreature": 1}}, "bad_request", "tempreature"),
    (
        {"messages": [user(image("data:image/png;base64,bm8gcGljdHVyZQ=="))]},
        *("bad_image", "messages[0].content[0].image_url"),
    ),
]


@pytest.mark.parametrize(("fields", "code", "param"), WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_a_bad_request_that_says_where(
    client: openai.OpenAI, fields: Any, code: str, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(**{"model": "echo", "messages": [user("Hi")], **fields})
    assert (raised.value.code, raised.value.param) == (code, param)
    assert raised.value.type == "invalid_request_error"
    assert raised.value.request_id


def test_a_model_that_is_not_there_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="gpt-4o", messages=[user("Hi")])
    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")


def test_a_camera_that_is_not_there_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="echo", messages=[user(image("camera://attic"))])
    assert raised.value.code == "camera_not_found"


def test_a_stream_that_cannot_begin_is_refused_at_once(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-4o", messages=[user("Hi")], stream=True)


@pytest.mark.parametrize("key", ["wrong-wrong-wrong", "none", KEY[:-1]])
def test_without_the_key_nobody_is_let_in(narrow: Narrow, key: str) -> None:
    with openai_client(narrow.stack.url, key) as client:
        for ask in (client.models.list, lambda: slow(client, "Hi")):
            with pytest.raises(openai.AuthenticationError) as raised:
                ask()
            assert raised.value.code == "invalid_api_key"
            assert KEY not in str(raised.value)


def test_with_the_key_everybody_is_let_in(narrow: Narrow) -> None:
    assert [model.id for model in narrow.client.models.list()] == ["slow"]
    assert said(slow(narrow.client, "Hi")) == "Hi"


def test_an_answer_says_how_much_may_still_be_asked(narrow: Narrow) -> None:
    raw = narrow.client.chat.completions.with_raw_response.create(
        model="slow", messages=[user("Hi")]
    )
    limit = int(raw.headers["x-ratelimit-limit-requests"])
    assert 0 < int(raw.headers["x-ratelimit-remaining-requests"]) <= limit
    assert raw.headers["x-ratelimit-reset-requests"]


def test_one_question_too_many_is_a_rate_limit_error(narrow: Narrow) -> None:
    with slow(narrow.client, LONG, stream=True) as stream, ThreadPoolExecutor(6) as pool:
        next(iter(stream))
        asked = [pool.submit(slow, narrow.client, "Hi") for _ in range(6)]
        until(lambda: sum(one.done() for one in asked) >= 5)
        stream.close()  # so that there is room for the one that waits
    errors = [one.exception() for one in asked if one.exception()]
    assert len(errors) == 5
    for error in errors:
        assert isinstance(error, openai.RateLimitError)
        assert (error.code, error.type) == ("overloaded", "rate_limit_error")
        assert int(error.response.headers["retry-after"]) >= 1


def test_the_client_comes_back_after_the_time_it_was_told(narrow: Narrow) -> None:
    patient = narrow.client.with_options(max_retries=10)

    def ask(_: int) -> tuple[int, float, str]:
        began = monotonic()
        raw = patient.chat.completions.with_raw_response.create(
            model="slow", messages=[user(words(10))]
        )
        return raw.retries_taken, monotonic() - began, said(raw.parse())

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(ask, range(5)))
    assert {text for _, _, text in answers} == {words(10)}
    assert sum(retries for retries, _, _ in answers) >= 1
    assert all(took_s >= retries for retries, took_s, _ in answers)  # a second for each, at least


@contextmanager
def all_connections(stack: Stack) -> Iterator[None]:
    """As many as the stack takes, all taken."""
    with ExitStack() as held:
        for _ in range(CONNECTIONS):
            held.enter_context(socket.create_connection(stack.address))
        yield


def test_a_stack_that_has_no_room_is_a_server_error(narrow: Narrow) -> None:
    with (
        all_connections(narrow.stack),
        openai_client(narrow.stack.url, KEY) as client,
        pytest.raises(openai.InternalServerError) as raised,
    ):
        slow(client, "Hi")
    assert (raised.value.status_code, raised.value.code) == (503, "unavailable")
    assert raised.value.response.headers["retry-after"]


def test_the_client_tries_again_when_there_was_no_room(narrow: Narrow) -> None:
    with openai_client(narrow.stack.url, KEY) as client, ThreadPoolExecutor(1) as pool:
        with all_connections(narrow.stack):
            with pytest.raises(openai.InternalServerError):
                client.models.list()  # the stack is full
            patient = client.with_options(max_retries=5).chat.completions.with_raw_response
            asked = pool.submit(patient.create, model="slow", messages=[user("Hi")])
            with pytest.raises(TimeoutError):
                asked.result(0.5)  # it has been turned away, and waits
        raw = asked.result(30)
    assert raw.retries_taken >= 1
    assert said(raw.parse()) == "Hi"


def test_a_camera_that_does_not_answer_is_a_server_error(narrow: Narrow) -> None:
    url = f"rtsp://127.0.0.1:{free_port()}/front"
    with pytest.raises(openai.InternalServerError) as raised:
        narrow.client.chat.completions.create(model="slow", messages=[user(image(url))])
    assert raised.value.code in ("camera_error", "camera_timeout")
    assert raised.value.status_code in (502, 504)


def test_who_does_not_wait_frees_the_model(narrow: Narrow) -> None:
    with pytest.raises(openai.APITimeoutError):
        slow(narrow.client.with_options(timeout=0.5), LONG)
    assert is_soon_free(narrow.client)


def test_who_closes_a_stream_frees_the_model(narrow: Narrow) -> None:
    stream = slow(narrow.client, LONG, stream=True)
    assert next(iter(stream)).id
    stream.close()
    assert is_soon_free(narrow.client)


def test_who_cancels_his_task_frees_the_model(narrow: Narrow, run: Run) -> None:
    async def leave() -> None:
        async with async_client(narrow.stack.url, KEY) as client:
            stream = await client.chat.completions.create(
                model="slow", messages=[user(LONG)], stream=True
            )
            heard = asyncio.Event()

            async def read() -> None:
                async for _ in stream:
                    heard.set()

            reading = asyncio.create_task(read())
            await heard.wait()
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            await stream.close()

    run(leave())
    assert is_soon_free(narrow.client)


def test_who_closes_a_streamed_response_frees_the_model(narrow: Narrow) -> None:
    stream = narrow.client.responses.create(model="slow", input=LONG, stream=True)
    assert next(iter(stream)).type == "response.created"
    stream.close()
    assert is_soon_free(narrow.client)


def test_where_nobody_listens_there_is_no_connection() -> None:
    with (
        openai_client(f"http://127.0.0.1:{free_port()}") as client,
        pytest.raises(openai.APIConnectionError) as raised,
    ):
        client.models.list()
    assert not isinstance(raised.value, openai.APITimeoutError)


def test_a_wrong_base_url_is_not_found(echo_stack: Stack) -> None:
    with openai_client(f"{echo_stack.url}/v7") as client, pytest.raises(openai.NotFoundError):
        client.models.list()


def test_the_asynchronous_client_raises_the_same(narrow: Narrow, run: Run) -> None:
    async def ask() -> None:
        async with async_client(narrow.stack.url, KEY) as client:
            with pytest.raises(openai.NotFoundError):
                await client.models.retrieve("gpt-4o")
            with pytest.raises(openai.APITimeoutError):
                await client.with_options(timeout=0.3).chat.completions.create(
                    model="slow", messages=[user(LONG)]
                )
        async with async_client(narrow.stack.url, "wrong-wrong-wrong") as client:
            with pytest.raises(openai.AuthenticationError):
                await client.models.list()

    run(ask())

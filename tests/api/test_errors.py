"""Every failure has a status, a shape, and the class that OpenAI's client has for it."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest

from api import errors
from bus.errors import LookoutError, Overloaded, Unavailable, tree
from tests.api.asking import CHAT, ask, kind_of, refused, said
from tests.api.conftest import Tight, openai_client

CLASSES: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    404: openai.NotFoundError,
    408: openai.APIStatusError,
    409: openai.ConflictError,
    413: openai.APIStatusError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    501: openai.InternalServerError,
    502: openai.InternalServerError,
    503: openai.InternalServerError,
    504: openai.InternalServerError,
}


def ours() -> list[type[LookoutError]]:
    return sorted(set(tree()), key=lambda kind: kind.code)


def test_every_error_has_a_status_and_every_status_an_error() -> None:
    assert {kind.code for kind in ours()} == set(errors.STATUS)
    assert set(errors.STATUS.values()) <= set(CLASSES)


@pytest.mark.parametrize("kind", ours(), ids=lambda kind: kind.code)
def test_every_error_becomes_the_same_shape(kind: type[LookoutError]) -> None:
    error = kind('what happened\n"and why"')
    error.param = "messages[0].content"
    response = errors.response(error)
    status = errors.STATUS[kind.code]
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert json.loads(bytes(response.body)) == {
        "error": {
            "message": 'what happened\n"and why"',
            "type": kind_of(status),
            "param": "messages[0].content",
            "code": kind.code,
        }
    }
    retriable = issubclass(kind, Overloaded | Unavailable)
    assert ("retry-after" in response.headers) == retriable
    assert status in (429, 503) or not retriable


def test_the_wait_before_a_retry_is_whole_seconds_and_never_none() -> None:
    for wait_s, header in ((0.01, "1"), (1.4, "1"), (7.0, "7")):
        response = errors.response(Overloaded("full", retry_after_s=wait_s))
        assert response.headers["retry-after"] == header


def test_where_a_mistake_stands_is_written_as_in_code() -> None:
    assert errors.path(()) == ""
    assert errors.path(("body", "stop", 1)) == "stop[1]"
    location = ("body", "messages", 0, "content", "$parts", 1, "$image_url", "image_url", "url")
    assert errors.path(location) == "messages[0].content[1].image_url.url"


@pytest.mark.parametrize(
    ("fields", "status"), [({"temperature": 9}, 400), ({"model": "gpt-4o"}, 404)]
)
def test_the_openai_client_raises_its_own_class(
    client: openai.OpenAI, fields: dict[str, object], status: int
) -> None:
    body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}], **fields}
    with pytest.raises(CLASSES[status]) as raised:
        client.post("/chat/completions", body=body, cast_to=object)
    assert raised.value.status_code == status
    assert raised.value.param == next(iter(fields))
    assert raised.value.code in ("bad_request", "model_not_found")


def test_a_camera_that_is_not_there_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(
            model="echo",
            messages=[
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "camera://attic"}}],
                }
            ],
        )
    assert raised.value.code == "camera_not_found"
    assert raised.value.param == "messages[0].content[0].image_url"


def test_a_request_that_is_too_large_is_told_so(tight: Tight) -> None:
    with openai_client(tight.stack.url) as client:
        for size in (3 << 20, 30 << 20):
            with pytest.raises(openai.APIStatusError) as raised:
                client.chat.completions.create(
                    model="slow", messages=[{"role": "user", "content": "x" * size}]
                )
            assert raised.value.status_code == 413
            assert raised.value.code == "request_too_large"


def test_too_many_questions_are_turned_away_with_a_time_to_come_back(tight: Tight) -> None:
    words = " ".join(["word"] * 20)  # half a second of answering
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(tight.http, words), range(8)))
    served = [answer for answer in answers if answer.status_code == 200]
    turned_away = [answer for answer in answers if answer.status_code != 200]
    assert len(served) >= 2
    assert len(turned_away) >= 4
    for answer in turned_away:
        refused(answer, 429, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
    assert {said(answer) for answer in served} == {words}


def test_the_openai_client_waits_and_tries_again_by_itself(tight: Tight) -> None:
    words = " ".join(["word"] * 20)
    with openai_client(tight.stack.url) as client, ThreadPoolExecutor(4) as pool:
        patient = client.with_options(max_retries=10)
        answers = list(
            pool.map(
                lambda _: patient.chat.completions.create(
                    model="slow", messages=[{"role": "user", "content": words}]
                ),
                range(4),
            )
        )
    assert {answer.choices[0].message.content for answer in answers} == {words}


def test_an_answer_that_takes_too_long_is_a_timeout(tight: Tight) -> None:
    words = " ".join(["word"] * 400)
    refused(ask(tight.http, words), 504, "deadline_exceeded")


def test_a_stream_that_takes_too_long_ends_with_the_error(tight: Tight) -> None:
    words, read = " ".join(["word"] * 400), 0
    with openai_client(tight.stack.url) as client:
        stream = client.chat.completions.create(
            model="slow", messages=[{"role": "user", "content": words}], stream=True
        )
        with pytest.raises(openai.APIError) as raised:
            for _ in stream:
                read += 1
    assert raised.value.code == "deadline_exceeded"
    assert read > 10


def test_a_stream_that_cannot_begin_has_the_status_of_its_error(lookout: httpx.Client) -> None:
    broken = {"type": "image_url", "image_url": "camera://attic"}
    refused(
        ask(lookout, broken, stream=True),
        404,
        "camera_not_found",
        "messages[0].content[0].image_url",
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/" + "x" * 3000, 404, "not_found"),
        ("GET", "/v1/%00%ff%2e%2e/etc", 404, "not_found"),
        ("GET", CHAT, 405, None),
        ("DELETE", "/v1/models", 405, None),
        ("PUT", "/v1/cameras", 405, None),
    ],
)
def test_what_is_not_there_is_said_in_the_same_shape(
    lookout: httpx.Client, method: str, path: str, status: int, code: str | None
) -> None:
    answer = lookout.request(method, path)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    assert len(error["message"]) < 300

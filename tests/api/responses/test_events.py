"""An answer whose worker dies begins anew while nobody has read of it, and fails once they have."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from api.chats import Event
from api.responses.events import Answer
from bus.errors import Overloaded
from bus.jobs import Retried
from bus.messages import Delta, Finished
from tests.api.responses.asking import events_of
from tests.conftest import Run

RESPONSE: dict[str, Any] = {
    "id": "resp_" + "a" * 32,
    "status": "in_progress",
    "output": [],
    "error": None,
}


async def as_it_is(response: Any) -> Any:
    return response


ANSWER = Answer(RESPONSE, 1, 0.0, as_it_is)


async def heard(events: Sequence[Event | Exception]) -> AsyncGenerator[Event]:
    for event in events:
        if isinstance(event, Exception):
            raise event
        yield event


async def streamed(*events: Event | Exception) -> list[dict[str, Any]]:
    rest = heard(events)
    lines = [line async for line in ANSWER.lines(await anext(rest), rest)]
    return events_of(b"".join(lines).decode())


DONE = Finished("stop", 1, 2)


def test_a_whole_answer_has_nothing_of_the_attempt_that_died(run: Run) -> None:
    async def scenario() -> None:
        events = heard([Delta("half"), Retried(), Delta("all "), Delta("of it"), DONE])
        answer = await ANSWER.whole(events)
        assert answer["status"] == "completed"
        assert [part["text"] for part in answer["output"][0]["content"]] == ["all of it"]

    run(scenario())


def test_a_stream_that_has_begun_fails_with_its_worker(run: Run) -> None:
    async def scenario() -> None:
        last = (await streamed(Delta("half"), Retried(), Delta("all"), DONE))[-1]
        assert last["type"] == "response.failed"
        response = last["response"]
        assert response["error"]["code"] == "server_error"
        assert "died" in response["error"]["message"]
        assert response["lookout"] == {"error": "engine_error"}
        (item,) = response["output"]
        assert (item["status"], item["content"][0]["text"]) == ("incomplete", "half")

    run(scenario())


def test_a_stream_that_fails_says_so_in_openais_words(run: Run) -> None:
    async def scenario() -> None:
        last = (await streamed(Delta("half"), Overloaded("too much")))[-1]
        assert last["response"]["error"] == {"code": "rate_limit_exceeded", "message": "too much"}

    run(scenario())


def test_who_stops_reading_ends_the_job(run: Run) -> None:
    ended = list[str]()

    async def endless() -> AsyncGenerator[Event]:
        try:
            while True:
                yield Delta("word ")
        finally:
            ended.append("closed")

    async def scenario() -> None:
        rest = endless()
        lines = ANSWER.lines(await anext(rest), rest)
        await anext(lines)
        await lines.aclose()
        assert ended == ["closed"]

    run(scenario())

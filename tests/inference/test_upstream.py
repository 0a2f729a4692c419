"""A server's answer becomes ours, and whatever goes wrong with it has a clear name."""

import asyncio
from contextlib import aclosing
from math import log
from typing import Any

import pytest

from bus.errors import BadJob, ContextTooLong, EngineError, LookoutError, Overloaded
from bus.messages import Delta, Finished, Likely, Sampling, TokenScore
from inference.engine import EngineLost, Turn
from inference.upstream.client import Upstream, open_upstream
from inference.upstream.endpoint import VLLM, Deadlines, Endpoint
from tests.conftest import Run
from tests.inference.upstream_server import (
    DONE,
    PATIENT,
    USAGE,
    Behaviour,
    busy,
    connected,
    endless_line,
    event,
    expects,
    never_answers,
    never_ends,
    refuses,
    resets,
    says,
    sends,
)

HELLO = [Turn("user", ("hello",))]
IMPATIENT = Deadlines(connect_s=2, first_token_s=0.3, token_s=0.2)


async def ask(engine: Upstream, **sampling: Any) -> tuple[str, Finished]:
    async with aclosing(engine.generate(HELLO, Sampling(**sampling))) as events:
        seen = [event async for event in events]
    assert isinstance(seen[-1], Finished)
    return "".join(piece.text for piece in seen if isinstance(piece, Delta)), seen[-1]


async def error_of(
    chat: Behaviour, deadlines: Deadlines = PATIENT, **settings: Any
) -> LookoutError:
    async with connected(chat, deadlines) as (engine, _):
        with pytest.raises(LookoutError) as raised:
            await ask(engine)
    return raised.value


def chunk(text: str = "", reason: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return event({"choices": [choice], **more})


WHOLE = b": hello\r\n\r\n" + chunk("Grüße ") + chunk("漢🙂") + chunk(reason="stop") + DONE


def test_an_answer_comes_in_pieces_with_its_usage(run: Run) -> None:
    async def scenario() -> None:
        async with connected(says("A ", "", "cat", reason="length")) as (engine, server):
            async with aclosing(engine.generate(HELLO, Sampling())) as events:
                seen = [event async for event in events]
            assert seen == [Delta("A "), Delta("cat"), Finished("length", 7, 2, cached_tokens=3)]
            assert server.last.body["stream_options"] == {"include_usage": True}

    run(scenario())


def test_the_next_request_uses_the_same_connection(run: Run) -> None:
    async def scenario() -> None:
        async with connected(says("yes")) as (engine, server):
            for _ in range(3):
                await ask(engine)
            assert server.connections == 1

    run(scenario())


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_an_answer_is_the_same_however_it_is_cut(run: Run, size: int) -> None:
    async def scenario() -> None:
        pieces = [WHOLE[at : at + size] for at in range(0, len(WHOLE), size)]
        async with connected(sends(*pieces)) as (engine, _):
            assert (await ask(engine))[0] == "Grüße 漢🙂"

    run(scenario())


@pytest.mark.parametrize(
    ("pieces", "then"),
    [
        ([chunk("a cat"), chunk(reason="stop")], "end"),  # without [DONE]
        ([chunk("a cat"), chunk(reason="stop")], "reset"),
        ([chunk("a cat", "stop"), b"data: [DONE]"], "end"),
        ([chunk("a cat", "eos"), DONE, chunk(" and more"), 9000 * b"x"], "end"),
        ([b"nonsense\n\n<html>\n\n", chunk("a cat", "stop"), DONE], "end"),
        ([event({"id": "x", "choices": []}), chunk("a cat", "stop"), DONE], "end"),
        ([event({"choices": None, "usage": None}), chunk("a cat", "stop"), DONE], "end"),
    ],
)
def test_an_answer_that_was_finished_is_whole(run: Run, pieces: list[bytes], then: str) -> None:
    async def scenario() -> None:
        async with connected(sends(*pieces, then=then)) as (engine, _):
            assert await ask(engine) == ("a cat", Finished("stop", 0, 1))  # pieces are counted

    run(scenario())


def test_a_server_that_forgets_to_end_is_not_waited_for(run: Run) -> None:
    async def scenario() -> None:
        chat = sends(chunk("a cat", "stop"), then="wait")
        async with connected(chat) as (engine, _), asyncio.timeout(10):
            assert (await ask(engine))[0] == "a cat"

    run(scenario())


def test_what_a_model_thinks_is_not_shown_but_counted(run: Run) -> None:
    async def scenario() -> None:
        thought = event({"choices": [{"delta": {"reasoning_content": "hmm"}}]})
        async with connected(sends(thought, chunk("a cat", "stop"), DONE)) as (engine, _):
            assert await ask(engine) == ("a cat", Finished("stop", 0, 2))

    run(scenario())


def test_the_scores_of_tokens_are_told_when_they_were_asked_for(run: Run) -> None:
    async def scenario() -> None:
        async with connected(expects(Yes=0.5, no=0.25)) as (engine, server):
            async with aclosing(engine.generate(HELLO, Sampling(logprobs=2))) as events:
                (delta, _) = [event async for event in events]
            yes = Likely("Yes", log(0.5), b"Yes")
            no = Likely("no", log(0.25), b"no")
            assert delta == Delta("Yes", scores=(TokenScore(yes, (yes, no)),))
            assert (server.last.body["logprobs"], server.last.body["top_logprobs"]) == (True, 2)
            assert await ask(engine) == ("Yes", Finished("stop", 7, 2, cached_tokens=3))

    run(scenario())


@pytest.mark.parametrize(
    ("chat", "says_what"),
    [
        (resets, "broke the connection"),
        (never_answers, "has not begun to answer within 0.3 s"),
        (sends(then="wait"), "has not begun to answer within 0.3 s"),
        (sends(chunk(), b": wait\n\n", then="wait"), "has not begun to answer within 0.3 s"),
        (sends(chunk("a "), then="wait"), "was silent for 0.2 s in its answer"),
        (sends(chunk("a "), then="reset"), "broke the connection"),
        (sends(chunk("a "), then="end"), "broke off its answer"),
        (sends(chunk("a "), chunk("b", "stop")[:-4]), "broke off its answer"),
        (sends(chunk("a ", "abort"), DONE), "gave up in the middle"),
        (sends(), "broke off its answer"),
        (refuses(502, b"<html><style>b {}</style><h1>Bad Gateway</h1></html>"), "Bad Gateway$"),
        (refuses(503, {"error": {"message": "Loading model", "code": 503}}), "Loading model"),
    ],
)
def test_a_server_that_is_lost_lets_the_job_be_tried_again(
    run: Run, chat: Behaviour, says_what: str
) -> None:
    async def scenario() -> None:
        with pytest.raises(EngineLost, match=rf"^127\.0\.0\.1:\d+.* {says_what}"):
            raise await error_of(chat, IMPATIENT)

    run(scenario())


def test_a_server_that_is_not_there_is_lost(run: Run) -> None:
    async def scenario() -> None:
        async with connected(says("yes")) as (_, server):
            gone = Endpoint(server.base_url, "m")
        async with open_upstream(gone, PATIENT, VLLM) as engine:
            for asking in (ask(engine), engine.models()):
                with pytest.raises(EngineLost, match="cannot be reached"):
                    await asking

    run(scenario())


OPENAI_LONG = "This model's maximum context length is 4096 tokens. However, you requested 5000."
VLLM_LONG = "The decoder prompt (length 9) is longer than the maximum model length of 4."
LLAMA_LONG = {"code": 400, "message": "the request exceeds …", "type": "exceed_context_size_error"}


@pytest.mark.parametrize(
    ("chat", "kind", "says_what", "param"),
    [
        (
            refuses(400, {"error": {"message": "too hot", "param": "temperature"}}),
            *(BadJob, "too hot", "temperature"),
        ),
        (refuses(400, {"object": "error", "message": "bad model"}), BadJob, "bad model", None),
        (refuses(413, b"<h1>413 Too Large</h1>"), BadJob, "413 Too Large", None),
        (
            refuses(422, {"detail": [{"loc": ["body", "stop", 0], "msg": "bad", "input": "XX"}]}),
            *(BadJob, r"stop\.0: bad", "stop.0"),
        ),
        (refuses(422, {"detail": "no"}), BadJob, "no", None),
        (refuses(400, b""), BadJob, "status 400", None),
        (
            refuses(400, {"error": {"message": "…", "code": "context_length_exceeded"}}),
            *(ContextTooLong, "…", "messages"),
        ),
        (refuses(400, {"error": {"message": OPENAI_LONG}}), ContextTooLong, "4096", "messages"),
        (refuses(400, {"object": "error", "message": VLLM_LONG}), ContextTooLong, "9", "messages"),
        (refuses(400, {"error": LLAMA_LONG}), ContextTooLong, "exceeds", "messages"),
        (refuses(500, {"error": {"message": "it broke"}}), EngineError, "it broke", None),
        (refuses(500, {"error": "it broke"}), EngineError, "it broke", None),
        (refuses(403, b"no"), EngineError, "refuses our key: set LOOKOUT_ENGINE_KEY", None),
        (refuses(404, b"no such model"), EngineError, "no such model; it has m", None),
        (refuses(307, b"", Location="http://else.where/"), EngineError, "http://else.where/", None),
        (refuses(200, b"<h1>Welcome</h1>"), EngineError, "streams no events: Welcome", None),
        (refuses(200, {"choices": []}), EngineError, "may not be an OpenAI-compatible", None),
        (sends(b'data: {"error": {"message": "it broke"}}\n\n'), EngineError, "it broke", None),
        (
            sends(event({"error": {"message": "no", "type": "BadRequestError", "code": 400}})),
            *(BadJob, "no", None),
        ),
        (sends(chunk("a "), b"data: {oops\n\n"), EngineError, "sent no chunk", None),
        (sends(chunk("a ", "error"), DONE), EngineError, "failed in the middle", None),
        (endless_line, EngineError, "an event of more than", None),
    ],
)
def test_what_would_not_be_better_next_time_is_not_tried_again(
    run: Run, chat: Behaviour, kind: type[LookoutError], says_what: str, param: str | None
) -> None:
    async def scenario() -> None:
        error = await error_of(chat)
        with pytest.raises(kind, match=says_what):
            raise error
        assert not isinstance(error, EngineLost)
        assert error.code == kind.code
        assert error.param == param
        assert "XX" not in str(error)

    run(scenario())


@pytest.mark.parametrize(("told", "wait_s"), [("7", 7), ("", 1), ("soon", 1), ("99999", 60)])
def test_a_server_that_has_too_much_to_do_says_when_to_come_back(
    run: Run, told: str, wait_s: float
) -> None:
    async def scenario() -> None:
        error = await error_of(busy(429, told))
        assert isinstance(error, Overloaded)
        assert error.retry_after_s == wait_s
        away = await error_of(busy(503, told))
        assert isinstance(away, EngineLost)
        assert away.retry_after_s == (None if wait_s == 1 else wait_s)

    run(scenario())


def test_an_error_of_any_length_is_read_in_part(run: Run) -> None:
    async def scenario() -> None:
        error = await error_of(refuses(500, 5_000_000 * b"very "))
        assert len(str(error)) < 600

    run(scenario())


def test_a_key_is_sent_and_never_told(run: Run) -> None:
    async def scenario() -> None:
        async with connected(says("yes"), key="sk-secret") as (engine, server):
            await ask(engine)
            assert server.last.headers["authorization"] == "Bearer sk-secret"
            assert "sk-secret" not in repr(engine)
            server.key = "another"
            with pytest.raises(EngineError, match="refuses our key") as raised:
                await ask(engine)
            assert "sk-secret" not in str(raised.value)

    run(scenario())


def test_a_server_notices_within_a_second_that_nobody_listens(run: Run) -> None:
    async def scenario() -> None:
        async with connected(never_ends) as (engine, server):
            events = engine.generate(HELLO, Sampling())
            assert await anext(events) == Delta("0 ")
            await events.aclose()
            async with asyncio.timeout(1):
                await server.left.wait()

    run(scenario())


def test_a_cancelled_request_is_aborted_before_it_is_answered(run: Run) -> None:
    async def scenario() -> None:
        async with connected(never_answers) as (engine, server):
            asking = asyncio.create_task(ask(engine))
            while not server.asked:
                await asyncio.sleep(0.005)
            asking.cancel()
            async with asyncio.timeout(1):
                await server.left.wait()

    run(scenario())


def test_a_server_lists_its_models(run: Run) -> None:
    async def scenario() -> None:
        async with connected(says()) as (engine, server):
            server.models = ("a", "b")
            assert await engine.models() == ["a", "b"]
            server.models = ()
            assert await engine.models() == []
            server.lists = False
            with pytest.raises(EngineError, match="has no /v1/models"):
                await engine.models()

    run(scenario())


def test_calls_of_tools_come_in_pieces(run: Run) -> None:
    def called(*calls: dict[str, Any]) -> bytes:
        return event({"choices": [{"delta": {"tool_calls": list(calls)}}], "usage": USAGE})

    async def scenario() -> None:
        first = {"index": 0, "id": "c1", "function": {"name": "look", "arguments": ""}}
        more = {"index": 0, "function": {"name": "look", "arguments": '{"at":'}}
        whole = {"index": 1, "function": {"name": "go", "arguments": {"to": "gate"}}}
        pieces = (called(first), called(more), called(whole), chunk(reason="tool_calls"), DONE)
        async with (
            connected(sends(*pieces)) as (engine, _),
            aclosing(engine.generate(HELLO, Sampling())) as events,
        ):
            seen = [event async for event in events]
        calls = [call for piece in seen if isinstance(piece, Delta) for call in piece.calls]
        assert [(c.index, c.name, c.arguments) for c in calls] == [
            (0, "look", ""),
            (0, "", '{"at":'),
            (1, "go", '{"to":"gate"}'),
        ]
        assert (calls[0].id, calls[1].id) == ("c1", "")
        assert calls[2].id.startswith("call_")
        assert seen[-1] == Finished("tool_calls", 7, 2, cached_tokens=3)

    run(scenario())

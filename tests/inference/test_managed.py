"""A served model: what is asked of it, what it answers, and what happens when it breaks."""

import asyncio
import os
from contextlib import aclosing
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from bus.errors import BadJob, EngineError, Unsupported
from bus.messages import Format, Sampling, Tool
from inference.engine import EngineLost, Turn
from inference.engines import llamacpp
from inference.engines.mlc import open
from tests.conftest import Run
from tests.inference.mlc_models import (
    IMPATIENT,
    answer,
    ask,
    is_there,
    make_model,
    only_linux,
    open_files,
)
from tests.stack import descendants
from tests.waiting import until

GREY = np.full((80, 120, 3), 128, np.uint8)


def test_it_answers_and_says_how_it_ended_and_what_it_counted(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        model = make_model(tmp_path / "m")
        async with open(model.url()) as engine:
            assert engine.slots == 4
            said, end = await answer(engine, [Turn("user", ("one two three",))], Sampling())
            assert said == "one two three "
            assert (end.reason, end.prompt_tokens, end.completion_tokens) == ("stop", 7, 3)
            _, end = await answer(engine, [Turn("user", ("a b c",))], Sampling(max_tokens=2))
            assert (end.reason, end.completion_tokens) == ("length", 2)

    run(scenario())


def test_what_is_sent_is_what_mlc_understands(run: Run, tmp_path: Path) -> None:
    """The fake refuses all else; here is what it would not notice."""

    async def scenario() -> None:
        model = make_model(tmp_path / "m")
        async with open(model.url()) as engine:
            turns = [
                Turn("user", ("look", GREY, "here")),
                Turn("assistant", ("yes?",)),
                Turn("system", ("Be brief.",)),
                Turn("user", ("what is it?",)),
            ]
            await answer(engine, turns, Sampling(temperature=0.5, stop=("x",)))
        request = model.requests[-1]
        assert "user" not in request
        assert request["stream_options"] == {"include_usage": True}
        assert [message["role"] for message in request["messages"]] == [
            *("system", "user", "assistant", "user")
        ]
        kinds = [part["type"] for part in request["messages"][1]["content"]]
        assert kinds == ["text", "image_url", "text"]
        assert all(
            isinstance(m["content"], str) for m in request["messages"] if m["role"] != "user"
        )

    run(scenario())


def test_json_is_refused_unless_the_url_allows_it(run: Run, tmp_path: Path) -> None:
    wanted = Format('{"type":"object"}', "answer")

    async def scenario() -> None:
        model = make_model(tmp_path / "m", "grammar hangs")
        async with open(model.url()) as engine:
            assert not {"json", "json_schema", "tools"} & engine.abilities
            with pytest.raises(Unsupported) as caught:
                await ask(engine, "hello", format=wanted)
            assert caught.value.param == "response_format"
            assert await ask(engine, "hello") == "hello "
        model = make_model(tmp_path / "n")
        async with open(model.url(json=1)) as engine:
            await ask(engine, "hello", format=wanted)
        form = model.requests[-1]["response_format"]
        assert form == {"type": "json_object", "schema": '{"type":"object"}'}

    run(scenario())


def test_tools_are_refused_by_name(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open(make_model(tmp_path / "m").url()) as engine:
            with pytest.raises(Unsupported) as caught:
                await ask(engine, "hello", tools=(Tool("look"),))
            assert caught.value.param == "tools"

    run(scenario())


def test_a_model_without_eyes_is_never_shown_a_picture(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        model = make_model(tmp_path / "m", "hangs at pictures", kind="llama")
        async with open(model.url()) as engine:
            for asking in (ask(engine, GREY, "what?"), engine.judge([GREY], ["Is it?"])):
                with pytest.raises(Unsupported, match="takes no pictures"):
                    await asking
            assert await ask(engine, "hello") == "hello "

    run(scenario())


def test_a_build_whose_pictures_fail_serves_text(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open(make_model(tmp_path / "m", "blind").url()) as engine:
            with pytest.raises(Unsupported, match="takes no pictures"):
                await ask(engine, GREY, "what?")
            assert await ask(engine, "hello") == "hello "

    run(scenario())


def test_it_judges(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open(make_model(tmp_path / "m").url(judge="text")) as engine:
            judged = await engine.judge([GREY], ["yes, is it?", "no, is it?", "who knows"])
            assert judged.scores == (1.0, 0.0, None)

    run(scenario())


def test_who_leaves_frees_his_place(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        model = make_model(tmp_path / "m")
        async with open(model.url()) as engine:
            turns = [Turn("user", ("go on",))]
            async with aclosing(engine.generate(turns, Sampling(max_tokens=9999))) as events:
                await anext(events)
            await asyncio.to_thread(until, lambda: model.aborted == 1)

    run(scenario())


@pytest.mark.parametrize(
    ("question", "error", "says"),
    [
        ("do fail", EngineError, "Internal Server Error"),
        ("you break off", EngineLost, "broke"),
    ],
)
def test_a_request_that_fails_costs_no_restart(
    run: Run, tmp_path: Path, question: str, error: type[Exception], says: str
) -> None:
    async def scenario() -> None:
        model = make_model(tmp_path / "m")
        async with open(model.url()) as engine:
            with pytest.raises(error, match=says):
                await ask(engine, question)
            assert await ask(engine, "still there") == "still there "
        assert model.lives == 1

    run(scenario())


def test_a_refusal_is_the_askers_fault(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        model = make_model(tmp_path / "m")
        async with open(model.url(vision="on", prefill_chunk_size=2048)) as engine:
            assert await ask(engine, GREY, "hello") == "hello "
        small = make_model(tmp_path / "n")
        async with open(small.url(prefill_chunk_size=100)) as engine:
            with pytest.raises((BadJob, EngineError)):
                await ask(engine, GREY, "hello")

    run(scenario())


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("say nothing", "hung: .* has not begun to answer within 1 s"),
        ("then stop speaking", "hung: .* was silent for 0.7 s"),
        ("will you die", r"died \(SIGABRT\): .*InternalError"),
        ("die silently", r"died \(SIGKILL\)"),
    ],
)
def test_a_program_that_hangs_or_dies_is_started_again(
    run: Run, tmp_path: Path, question: str, says: str
) -> None:
    async def scenario() -> None:
        model, strangers = make_model(tmp_path / "m", "deaf"), descendants(os.getpid())
        async with open(model.url(**IMPATIENT)) as engine:
            family = set(descendants(os.getpid())) - set(strangers)
            assert family
            began = monotonic()
            with pytest.raises(EngineLost, match=says):
                await ask(engine, question)
            assert monotonic() - began < 10
            assert await ask(engine, "again") == "again "
            assert model.lives == 2
            assert not [pid for pid in family if is_there(pid)]

    run(scenario())


def test_others_that_are_answered_show_that_it_does_not_hang(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        model = make_model(tmp_path / "m")
        async with open(model.url(**IMPATIENT)) as engine:
            going = asyncio.create_task(ask(engine, "go on", max_tokens=130))
            with pytest.raises(EngineError) as caught:
                await ask(engine, "say nothing")
            assert not isinstance(caught.value, EngineLost)
            assert len((await going).split()) == 130
        assert model.lives == 1

    run(scenario())


def test_a_program_that_fails_to_come_back_is_tried_until_it_does(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        model = make_model(tmp_path / "m", "", "crashes", "ends", "")
        async with open(model.url()) as engine:
            with pytest.raises(EngineLost):
                await ask(engine, "please die")
            assert await ask(engine, "back") == "back "
        assert model.lives == 4

    run(scenario())


def test_each_life_is_asked_what_it_can_do(run: Run, tmp_path: Path) -> None:
    (tmp_path / "fake.json").write_text('[["blind", "no tools"], []]')
    (tmp_path / "m.gguf").touch()
    program = Path(__file__).with_name("programs") / "llama-server"

    async def scenario() -> None:
        async with llamacpp.open(f"llamacpp:{tmp_path}/m.gguf?program={program}") as engine:
            assert "tools" not in engine.abilities
            assert not engine.judges_series
            with pytest.raises(EngineLost):
                await ask(engine, "please die")
            await ask(engine, "back")
            assert "tools" in engine.abilities
            assert engine.judges_series

    run(scenario())


@only_linux
def test_nothing_of_it_stays_open(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        model, strangers = make_model(tmp_path / "m", "leaks"), descendants(os.getpid())
        for number in range(3):
            async with open(model.url()) as engine:
                with pytest.raises(EngineLost):
                    await ask(engine, "please die")
                await ask(engine, "hello")
            files.append(open_files())
            assert set(descendants(os.getpid())) <= set(strangers), number

    files = list[int]()
    run(scenario())
    assert files[1] == files[2]

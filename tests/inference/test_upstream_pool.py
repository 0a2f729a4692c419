"""`http://…#model` as an engine: it waits for its servers, spreads the work, outlives one."""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bus.errors import BadSettings, EngineError, LookoutError, Overloaded, Unavailable
from bus.messages import Text
from inference.engine import Engine, EngineLost, engine_module
from inference.engines import http
from inference.upstream.endpoint import COMPATIBLE, LLAMACPP, OPENAI, VLLM, Dialect
from inference.upstream.pool import Pool
from tests.conftest import Run
from tests.inference.contract import said, scene
from tests.inference.desk import Desk, desk
from tests.inference.upstream_server import (
    Asked,
    Reply,
    UpstreamServer,
    busy,
    expects,
    never_ends,
    refuses,
    resets,
    says,
    serving,
    slowly,
)

ROOT = Path(__file__).parents[2]


def address(*servers: UpstreamServer, model: str = "m", query: str = "probe=off") -> str:
    urls = ",".join(server.base_url for server in servers)
    return f"{urls}?{query}#{model}"


@asynccontextmanager
async def engine_of(url: str, within_s: float = 10.0) -> AsyncGenerator[Engine]:
    async with asyncio.timeout(within_s) as limit, http.open(url) as engine:
        limit.reschedule(None)
        yield engine


async def until_it_answers(engine: Engine) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await said(engine, "hello")
                return
            except (EngineError, Unavailable):
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("url", "servers", "name"),
    [
        ("http://gpu:8000/v1#Qwen/VL-3B", ["http://gpu:8000/v1"], "Qwen/VL-3B"),
        ("http://gpu:8000#m", ["http://gpu:8000/v1"], "m"),
        ("https://api.example.com/openai/v1/#m", ["https://api.example.com/openai/v1"], "m"),
        ("http://gpu:8000/v1?id=eyes#m", ["http://gpu:8000/v1"], "eyes"),
        ("http://gpu:8000", ["http://gpu:8000/v1"], "gpu"),
        ("http://gpu#llava%3A7b", ["http://gpu/v1"], "llava:7b"),
        ("http://a/v1,https://b:1/v1?slots=2#m", ["http://a/v1", "https://b:1/v1"], "m"),
        (
            "http://a,http://b,http://[::1]:9/x#m",
            ["http://a/v1", "http://b/v1", "http://[::1]:9/x"],
            "m",
        ),
    ],
)
def test_an_address_names_servers_and_a_model(url: str, servers: list[str], name: str) -> None:
    assert list(http.parse(url).servers) == servers
    assert engine_module(url).identify(url) == name


@pytest.mark.parametrize(
    ("url", "says_what"),
    [
        ("http://", "bad engine URL"),
        ("http:///v1#m", "bad engine URL"),
        ("http://a:99999/v1#m", "bad engine URL"),
        ("http://a/v1,b/v1#m", "bad engine URL 'b/v1'"),
        ("http://a/v1,#m", "bad engine URL ''"),
        ("http://sk-secret@a/v1#m", "set LOOKOUT_ENGINE_KEY"),
        ("http://me:sk-secret@a/v1#m", "set LOOKOUT_ENGINE_KEY"),
        ("http://a/v1?slots=0#m", "slots"),
        ("http://a/v1?slots=4,http://b/v1#m", "slots"),
        ("http://a/v1?token_s=-1#m", "token_s"),
        ("http://a/v1?key=sk-secret#m", "key"),
        ("http://a/v1?judge=dice#m", "judge"),
    ],
)
def test_an_address_that_can_never_work_is_refused(url: str, says_what: str) -> None:
    with pytest.raises(BadSettings, match=says_what) as refused:
        http.parse(url)
    assert "sk-secret" not in str(refused.value)


def test_a_key_that_was_named_must_be_there(run: Run) -> None:
    async def scenario() -> None:
        with pytest.raises(BadSettings, match="key_env=NO_SUCH_KEY"):
            async with engine_of("http://127.0.0.1:1/v1?key_env=NO_SUCH_KEY#m"):
                pass

    run(scenario())


@pytest.mark.parametrize(
    ("host", "dialect"), [("api.openai.com", OPENAI), ("openai.com.example.org", COMPATIBLE)]
)
def test_openai_is_known_by_its_name(run: Run, host: str, dialect: Dialect) -> None:
    assert http._dialect("auto", f"https://{host}/v1") is dialect


@pytest.mark.parametrize(
    ("owner", "dialect"),
    [("vllm", VLLM), ("llamacpp", LLAMACPP), ("library", COMPATIBLE)],
)
def test_other_servers_tell_what_they_are(run: Run, owner: str, dialect: Dialect) -> None:
    async def scenario() -> None:
        async with (
            serving(says("yes"), owner=owner) as server,
            engine_of(address(server)) as engine,
        ):
            assert engine.abilities == dialect.abilities
            await said(engine, "hello")
        assert ("temperature" in server.last.body) == dialect.greedy

    run(scenario())


def test_a_server_is_asked_what_it_can_do_before_it_is_used(run: Run) -> None:
    async def scenario() -> None:
        async with (
            serving(expects(yes=0.75, no=0.25), owner="vllm") as server,
            engine_of(address(server, query="slots=3")) as engine,
        ):
            assert engine.slots == 3
            assert "top_logprobs" in engine.abilities
            judgement = await engine.judge([scene()], ["Is there a car?"])
            assert list(judgement.scores) == pytest.approx([0.75])

    run(scenario())


def test_it_waits_for_a_server_that_comes_later(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving(says("yes")) as server:
            port = server.port
        opening = asyncio.create_task(opened(f"http://127.0.0.1:{port}/v1?probe=off#m"))
        while "cannot be reached" not in caplog.text:
            await asyncio.sleep(0.01)
        async with serving(says("yes"), port):
            assert await opening == "yes"
        assert caplog.text.count("cannot be reached") == 1  # once, however often it was tried

    async def opened(url: str) -> str:
        async with engine_of(url, 20) as engine:
            return (await said(engine, "hello")).text

    run(scenario())


def test_it_waits_for_a_model_that_is_loaded_later(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with serving(says("yes"), models=("a", "b")) as server:
            opening = asyncio.create_task(opened(address(server, model="llava")))
            while "has no model 'llava'; it has a, b" not in caplog.text:
                await asyncio.sleep(0.01)
            server.models = ("a", "b", "llava:latest")
            await opening
            assert server.last.body["model"] == "llava:latest"

    async def opened(url: str) -> None:
        async with engine_of(url, 20) as engine:
            await said(engine, "hello")

    run(scenario())


@pytest.mark.parametrize(
    ("model", "settings", "asked"),
    [
        ("", {"models": ("only",)}, "only"),
        ("m", {"lists": False}, "m"),
        ("any", {"models": ("/models/x.gguf",), "owner": "llamacpp"}, "any"),
    ],
)
def test_the_model_need_not_be_listed_by_its_name(
    run: Run, model: str, settings: dict[str, Any], asked: str
) -> None:
    async def scenario() -> None:
        async with serving(says("yes"), **settings) as server:
            async with engine_of(address(server, model=model)) as engine:
                await said(engine, "hello")
            assert server.last.body["model"] == asked

    run(scenario())


def test_of_several_models_one_must_be_named(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving(says("yes"), models=("a", "b")) as server:
            with pytest.raises(TimeoutError):
                async with engine_of(address(server, model=""), 0.3):
                    pass
        assert "write #model behind the engine's URL; it has a, b" in caplog.text

    run(scenario())


def test_the_slots_of_several_servers_add_up_and_the_least_busy_one_is_asked(run: Run) -> None:
    both = asyncio.Barrier(4)

    async def waits(asked: Asked, reply: Reply) -> None:
        await both.wait()
        await says("yes")(asked, reply)

    async def scenario() -> None:
        async with serving(waits) as a, serving(waits) as b:
            async with engine_of(address(a, b, query="slots=2&probe=off")) as engine:
                assert engine.slots == 4
                await until_both_are_there(engine)
                await asyncio.gather(*(said(engine, "hello") for _ in range(4)))
            assert (len(a.asked), len(b.asked)) == (2, 2)

    run(scenario())


async def until_both_are_there(engine: Engine) -> None:
    assert isinstance(engine, Pool)
    async with asyncio.timeout(10):
        while any(member.state != "ready" for member in engine.members):
            await asyncio.sleep(0.01)


def test_several_can_do_what_each_of_them_can(run: Run) -> None:
    async def scenario() -> None:
        async with (
            serving(expects(a=0.5, b=0.2), owner="vllm") as a,
            serving(says("yes"), owner="lookout") as b,
            engine_of(address(a, b, query="slots=1")) as engine,
        ):
            await until_both_are_there(engine)
            assert engine.abilities == {"logit_bias", "json", "json_schema", "tools"}

    run(scenario())


@pytest.mark.parametrize(
    "bad", [resets, refuses(503, b""), refuses(401, b""), refuses(404, {"detail": "Not Found"})]
)
def test_whoever_tries_again_gets_another_server(run: Run, bad: Any) -> None:
    async def scenario() -> None:
        async with serving(bad) as a, serving(slowly) as b:
            async with engine_of(address(a, b)) as engine:
                await until_both_are_there(engine)
                with pytest.raises(EngineLost):
                    await said(engine, "hello")
                for _ in range(5):
                    assert (await said(engine, "hello")).text
            assert len(b.asked) == 5

    run(scenario())


def test_one_failure_of_the_only_server_does_not_stop_the_next_try(run: Run) -> None:
    async def scenario() -> None:
        async with serving(resets) as server, engine_of(address(server)) as engine:
            with pytest.raises(EngineLost):
                await said(engine, "hello")
            server.chat = says("yes")
            assert (await said(engine, "hello")).text == "yes"

    run(scenario())


def test_failures_at_the_same_time_count_as_one(run: Run) -> None:
    together = asyncio.Barrier(5)

    async def all_reset(asked: Asked, reply: Reply) -> None:
        await together.wait()
        reply.reset()

    async def scenario() -> None:
        async with serving(all_reset) as server, engine_of(address(server)) as engine:
            asking = (said(engine, "hello") for _ in range(5))
            failed = await asyncio.gather(*asking, return_exceptions=True)
            assert {type(error) for error in failed} == {EngineLost}
            server.chat = says("yes")
            assert (await said(engine, "hello")).text == "yes"

    run(scenario())


def test_when_all_are_away_each_says_why_and_they_come_back(run: Run) -> None:
    async def scenario() -> None:
        async with serving(says("yes")) as a:
            async with serving(says("yes"), key="") as b:
                stack = engine_of(address(a, b))
                engine = await stack.__aenter__()
                await until_both_are_there(engine)
                b.key = "another"
                for _ in range(2):
                    await said(engine, "hello")
            a_port = a.port
        try:
            for _ in range(4):
                with pytest.raises((EngineLost, Unavailable)):
                    await said(engine, "hello")
            with pytest.raises(Unavailable, match=r":\d+ cannot be reached.*; .*:\d+ cannot"):
                await said(engine, "hello")
            with pytest.raises(Unavailable):
                await engine.judge([scene()], ["Is there a car?"])
            async with serving(says("back"), a_port):
                await until_it_answers(engine)
        finally:
            await stack.__aexit__(None, None, None)

    run(scenario())


def test_when_all_are_away_the_first_that_will_be_back_says_when(run: Run) -> None:
    async def scenario() -> None:
        async with (
            serving(busy(503, "9")) as a,
            serving(busy(503, "4")) as b,
            engine_of(address(a, b)) as engine,
        ):
            await until_both_are_there(engine)
            with pytest.raises(Unavailable) as refused:
                while True:
                    with suppress(EngineLost):
                        await said(engine, "hello")
            assert refused.value.retry_after_s == 4

    run(scenario())


@pytest.mark.parametrize(("status", "kind"), [(429, Overloaded), (503, LookoutError)])
def test_when_to_come_back_is_told_to_whoever_asked_the_worker(
    run: Run, redis_url: str, status: int, kind: type[LookoutError]
) -> None:
    async def scenario() -> None:
        async with (
            serving(busy(status, "7")) as server,
            engine_of(address(server)) as engine,
            desk(redis_url, engine) as asked,
        ):
            with pytest.raises(kind) as refused:
                await asked.ask(Text("hello"))
            assert refused.value.retry_after_s == 7

    run(scenario())


def test_a_server_that_was_away_is_asked_again_what_it_can_do(run: Run) -> None:
    async def refuses_tools(asked: Asked, reply: Reply) -> None:
        no_tools = refuses(400, {"error": {"message": "no tools"}})
        await (no_tools if "tools" in asked.body else says("yes"))(asked, reply)

    async def scenario() -> None:
        async with serving(says("yes"), owner="vllm") as server:
            stack = engine_of(address(server, query="slots=1"))
            engine = await stack.__aenter__()
            assert "tools" in engine.abilities
        try:
            while True:
                with suppress(EngineLost):
                    await said(engine, "hello")
        except Unavailable:
            assert "tools" in engine.abilities  # while it is away, it can what it could
        try:
            async with serving(refuses_tools, server.port, owner="vllm"):
                await until_it_answers(engine)
                assert "tools" not in engine.abilities
        finally:
            await stack.__aexit__(None, None, None)

    run(scenario())


def test_a_wrong_key_is_told_with_what_to_set(run: Run) -> None:
    async def scenario() -> None:
        async with serving(says("yes")) as server, engine_of(address(server)) as engine:
            server.key = "right"
            with pytest.raises(EngineError, match="refuses our key: set LOOKOUT_ENGINE_KEY"):
                await said(engine, "hello")
            with pytest.raises(Unavailable, match="refuses our key: set LOOKOUT_ENGINE_KEY"):
                await said(engine, "hello")
            server.key = ""
            await until_it_answers(engine)

    run(scenario())


def test_an_answer_that_nobody_reads_is_aborted_and_its_place_is_free(run: Run) -> None:
    async def scenario() -> None:
        async with serving(never_ends) as server, engine_of(address(server)) as engine:
            asking = asyncio.create_task(said(engine, "hello"))
            while not server.asked:
                await asyncio.sleep(0.005)
            asking.cancel()
            async with asyncio.timeout(10):
                await server.left.wait()
            assert isinstance(engine, Pool)
            assert engine.members[0].busy == 0

    run(scenario())


@asynccontextmanager
async def process() -> AsyncGenerator[tuple[asyncio.subprocess.Process, str]]:
    """A server in a process of its own, and its URL."""
    command = (sys.executable, "-m", "tests.inference.upstream_server")
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert child.stdout
    try:
        yield child, f"http://127.0.0.1:{int(await child.stdout.readline())}/v1"
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


def test_no_request_fails_when_one_of_two_servers_is_killed(run: Run, redis_url: str) -> None:
    whole = "".join(f"{number} " for number in range(10))

    async def scenario() -> None:
        async with (
            process() as (victim, a),
            process() as (_, b),
            engine_of(f"{a},{b}?slots=8&probe=off#m") as engine,
        ):
            await until_both_are_there(engine)
            async with desk(redis_url, engine) as asked:
                answers = await two_hundred(asked, victim)
        assert answers == 200 * [whole]

    async def two_hundred(asked: Desk, victim: asyncio.subprocess.Process) -> list[str]:
        room, done = asyncio.Semaphore(16), list[str]()

        async def one() -> None:
            async with room:
                done.append((await asked.ask(Text("hello")))[0])
                if len(done) == 60:
                    victim.send_signal(signal.SIGKILL)

        await asyncio.gather(*(one() for _ in range(200)))
        assert await victim.wait() == -signal.SIGKILL
        return done

    run(scenario())

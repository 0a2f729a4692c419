"""Each engine keeps the contract; a Lookout behind a Lookout is an engine like any other."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from inference.engine import Engine, engine_module
from inference.settings import DEMO_MODEL
from tests.inference.contract import CHECKS, Check
from tests.stack import Stack, running

T = TypeVar("T")


@dataclass(frozen=True)
class Running:
    """An engine in the event loop that it was opened in."""

    runner: asyncio.Runner
    engine: Engine


@pytest.fixture(scope="module")
def demo_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("behind")) as stack:
        yield stack


@pytest.fixture(
    scope="module",
    params=["echo", "openvino", "http to a Lookout with echo", "http to a Lookout with a model"],
)
def opened(request: pytest.FixtureRequest) -> Iterator[Running]:
    match request.param:
        case "echo":
            url = "echo:"
        case "openvino":
            url = DEMO_MODEL
        case "http to a Lookout with echo":
            stack: Stack = request.getfixturevalue("echo_stack")
            url = f"{stack.url}/v1#echo"
        case _:
            stack = request.getfixturevalue("demo_stack")
            url = f"{stack.url}/v1"
    exits = AsyncExitStack()
    with asyncio.Runner() as runner:
        engine = runner.run(in_time(exits.enter_async_context(engine_module(url).open(url))))
        yield Running(runner, engine)
        runner.run(in_time(exits.aclose()))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.replace("_", " "))
def test_the_engine_keeps_the_contract(opened: Running, check: Check) -> None:
    opened.runner.run(in_time(check(opened.engine)))


async def in_time(scenario: Coroutine[Any, Any, T]) -> T:
    async with asyncio.timeout(30):
        return await scenario

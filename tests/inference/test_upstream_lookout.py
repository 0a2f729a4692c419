"""A Lookout in front of another one: the first has the cameras, the second has the model."""

import base64
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest

from bus.jpeg import encode_jpeg
from bus.messages import Delta, Sampling, Tool
from inference.engine import Engine, Turn
from inference.engines import echo, http
from tests.conftest import Run
from tests.inference.contract import scene
from tests.stack import Stack, running

ROOT = Path(__file__).parents[2]
PICTURE = base64.b64encode(encode_jpeg(scene(2, 160, 120))).decode()


@pytest.fixture(scope="module")
def front(echo_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    model = f"{echo_stack.url}/v1?id=far&slots=16#echo"
    with running(tmp_path_factory.mktemp("front"), "--model", model) as stack:
        yield stack


def ask(stack: Stack, **fields: object) -> httpx.Response:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{PICTURE}"}}
    text = {"type": "text", "text": "What is at the gate?"}
    body = {"messages": [{"role": "user", "content": [picture, text]}], **fields}
    url = f"{stack.url}/v1/chat/completions"
    return httpx.post(url, json=body, timeout=30, trust_env=False)


def test_the_one_in_front_answers_as_the_one_behind_it(front: Stack, echo_stack: Stack) -> None:
    near, far = (ask(stack).json() for stack in (echo_stack, front))
    assert far["model"] == "far"
    assert far["usage"]["completion_tokens"] == near["usage"]["completion_tokens"]
    said = [answer["choices"][0]["message"]["content"] for answer in (near, far)]
    assert said[1].startswith("What is at the gate?\n[image 1: 160x120 mean RGB ")
    assert colours(said[1]) == pytest.approx(colours(said[0]), abs=2)  # JPEG, twice


def colours(text: str) -> list[int]:
    return [int(number) for number in text.rstrip("]").split()[-3:]]


def test_it_streams(front: Stack) -> None:
    events = ask(front, stream=True).text
    assert "What" in events
    assert events.endswith("data: [DONE]\n\n")


def test_it_serves_the_model_by_the_name_it_was_given(front: Stack) -> None:
    listed = httpx.get(f"{front.url}/v1/models", trust_env=False).json()
    assert [model["id"] for model in listed["data"]] == ["far"]


def test_what_the_one_behind_can_do_is_found_out_and_passed_on(run: Run, echo_stack: Stack) -> None:
    look = Tool("look", "Looks at a place.", '{"type":"object"}')

    async def scenario() -> None:
        async with http.open(f"{echo_stack.url}/v1#echo") as engine:
            # There is never another likely word in an echo, which is as good as not telling it.
            assert engine.abilities == echo.ABILITIES - {"top_logprobs"}
            scored = await events(engine, Sampling(logprobs=0))
            assert all(delta.scores for delta in scored if delta.text)
            called = await events(engine, Sampling(tools=(look,), tool_choice="required"))
            assert called[0].calls[0].name == "look"

    run(scenario())


@pytest.mark.parametrize(("status", "told"), [(429, {429}), (503, {502, 503})])
def test_when_to_come_back_reaches_the_client(tmp_path: Path, status: int, told: set[int]) -> None:
    command = (sys.executable, "-m", "tests.inference.upstream_server", str(status), "7")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout
        model = f"http://127.0.0.1:{int(server.stdout.readline())}/v1?probe=off#m"
        with running(tmp_path, "--model", model) as stack:
            for stream in (False, True):
                refused = ask(stack, stream=stream)
                assert refused.status_code in told
                assert refused.headers["retry-after"] == "7"
        server.kill()


async def events(engine: Engine, sampling: Sampling) -> list[Delta]:
    async with aclosing(engine.generate([Turn("user", ("a car",))], sampling)) as seen:
        return [event async for event in seen if isinstance(event, Delta)]

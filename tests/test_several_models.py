"""Several models in one stack: chosen by name, each with a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from inference.settings import DEMO_MODEL
from tests.stack import Stack, running
from tests.test_stack import text_of
from tests.waiting import until

ONE, DEMO = "echo:?id=one", f"{DEMO_MODEL}?slots=2"
ECHOED = "Is there a person?\n[image 1: "


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("two")
    with running(folder, "--model", ONE, "--model", DEMO) as stack:
        yield stack


def look(stack: Stack, **model: str) -> httpx.Response:
    content = [
        {"type": "image_url", "image_url": {"url": "demo"}},
        {"type": "text", "text": "Is there a person?"},
    ]
    body = {"messages": [{"role": "user", "content": content}], **model}
    return httpx.post(f"{stack.url}/v1/chat/completions", json=body, timeout=60, trust_env=False)


def get(stack: Stack, path: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{stack.url}{path}", timeout=30, trust_env=False).json()
    return found


def workers(stack: Stack) -> dict[str, str]:
    """The ids of those that are ready, by model."""
    found = get(stack, "/health/ready")["workers"]
    return {worker["model"]: worker["id"] for worker in found if worker["state"] == "ready"}


def test_each_model_is_ready_from_the_start_and_listed(two: Stack) -> None:
    assert set(workers(two)) == {"one", "lookout-demo"}
    assert workers(two)["one"].startswith("inference-one-")
    assert workers(two)["lookout-demo"].startswith("inference-lookout-demo-")
    assert {model["id"] for model in get(two, "/v1/models")["data"]} == {"one", "lookout-demo"}


def test_each_model_answers_by_its_name(two: Stack) -> None:
    echo, demo = look(two, model="one"), look(two, model="lookout-demo")
    assert text_of(echo).startswith(ECHOED)
    assert text_of(demo) in ("Yes.", "No.")
    assert [echo.json()["model"], demo.json()["model"]] == ["one", "lookout-demo"]


@pytest.mark.parametrize("named", [{}, {"model": ""}, {"model": "default"}])
def test_who_names_none_is_answered_by_the_first_one(two: Stack, named: dict[str, str]) -> None:
    assert look(two, **named).json()["model"] == "one"


def test_rules_are_judged_by_the_model_they_name_else_by_the_first_one(two: Stack) -> None:
    wanted = {"none": "", "default": "default", "other": "lookout-demo"}
    for rule, model in wanted.items():
        body = {"id": rule, "question": "Is it?", "model": model, "on": 0, "off": 0, "gate": "none"}
        added = httpx.post(f"{two.url}/v1/rules", json=body, timeout=30, trust_env=False)
        assert added.status_code == 201, added.text

    def judges() -> dict[str, str]:
        found = get(two, "/v1/alerts")["data"]
        return {alert["fired"]["rule"]["id"]: alert["fired"]["model"] for alert in found}

    until(lambda: judges().keys() == wanted.keys())
    assert judges() == {"none": "one", "default": "one", "other": "lookout-demo"}
    for rule in wanted:
        httpx.delete(f"{two.url}/v1/rules/{rule}", timeout=30, trust_env=False)


@pytest.mark.parametrize(("victim", "other"), [("lookout-demo", "one"), ("one", "lookout-demo")])
def test_while_one_models_worker_is_away_the_other_answers(
    two: Stack, victim: str, other: str
) -> None:
    back = Event()

    def ask_on() -> list[httpx.Response]:
        answers = [look(two, model=other)]
        while not back.is_set():
            answers.append(look(two, model=other))
        return answers

    before = workers(two)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask_on)
        try:
            two.kill("inference", f"inference-{victim}")
            until(lambda: workers(two).get(victim, before[victim]) != before[victim])
        finally:
            back.set()
        assert {answer.status_code for answer in asked.result()} == {200}
    assert workers(two)[other] == before[other]
    assert look(two, model=victim).json()["model"] == victim


def test_while_the_default_model_is_away_it_is_said_to_be_so(tmp_path: Path) -> None:
    with running(tmp_path, "--model", ONE, LOOKOUT_DEFAULT_MODEL="elsewhere") as stack:
        refused = look(stack)
        assert refused.status_code == 503
        assert "the default model elsewhere" in refused.json()["error"]["message"]
        assert int(refused.headers["retry-after"]) >= 1
        assert look(stack, model="one").status_code == 200


@pytest.mark.parametrize("more", [("--model", ONE), ("--model", "echo:?id=one&slots=2")])
def test_two_models_of_one_name_are_refused_and_both_told(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    command = [*(sys.executable, "-m", "lookout", "up", "--model", ONE), *more]
    command += ["--data-dir", str(tmp_path / "data"), "--run-dir", str(tmp_path / "run")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert told.returncode == 2
    assert told.stderr.splitlines()[-1].startswith(
        f"lookout up: two models are called 'one': {ONE} and {more[1]}: "
    )


def test_the_other_models_may_stand_in_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "lookout.toml"
    file.write_text('model = "echo:?id=b"\nmore_models = ["echo:?id=a"]\n')
    with running(tmp_path, "--settings", str(file)) as stack:
        assert set(workers(stack)) == {"a", "b"}
        assert look(stack).json()["model"] == "b"

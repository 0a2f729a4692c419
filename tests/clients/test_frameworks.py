"""LangChain, LiteLLM and OpenAI's Agents SDK, as they are, each asking a camera."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.stack import Stack, running

FOLDER = Path(__file__).parent / "frameworks"
PINNED = FOLDER / "requirements.txt"
QUESTION = "What do you see?"


def call(*command: str | Path, **env: str) -> str:
    ended = subprocess.run(
        command,
        env={**os.environ, "NO_PROXY": "127.0.0.1", **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, f"{command} failed:\n{ended.stdout}{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="session")
def python(request: pytest.FixtureRequest) -> Path:
    """Of an environment with the pinned packages; pytest keeps it, so they are fetched once."""
    name = sha256(PINNED.read_bytes() + sys.version.encode()).hexdigest()[:12]
    cache = request.config.cache
    assert cache
    folder = cache.mkdir(f"frameworks-{name}")
    python = folder / "bin/python"
    if not (folder / "complete").exists():
        call(sys.executable, "-m", "venv", folder)
        call(*(python, "-m", "pip", "install", "--quiet", "--requirement", PINNED))
        (folder / "complete").touch()
    return python


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("frameworks"), "--camera", "demo=demo:") as stack:
        yield stack


@pytest.mark.soak
@pytest.mark.parametrize("framework", ["langchain", "litellm", "agents"])
def test_a_camera_is_asked_through_a_framework(python: Path, stack: Stack, framework: str) -> None:
    said = call(
        *(python, FOLDER / f"ask_{framework}.py", f"{stack.url}/v1", "demo", QUESTION),
        LITELLM_LOCAL_MODEL_COST_MAP="True",  # else it asks the internet what a token costs
    )
    assert re.search("in daylight|at dusk|at night", said), said

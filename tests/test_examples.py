"""Every example runs as it stands against a running stack, and fails where it is refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import Stack

EXAMPLES = Path(__file__).parents[1] / "examples"
RUNNERS = {".sh": "sh", ".py": sys.executable, ".mjs": "node"}
FILES = sorted(file.name for file in EXAMPLES.iterdir() if file.suffix in RUNNERS)
PICTURES = {"stream.py": 4}


def run(name: str, base_url: str) -> subprocess.CompletedProcess[str]:
    runner = RUNNERS[Path(name).suffix]
    if runner == "node" and not shutil.which(runner):
        pytest.skip("node is not installed")
    return subprocess.run(
        [runner, EXAMPLES / name],
        env={**os.environ, "OPENAI_BASE_URL": base_url, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("name", FILES)
def test_an_example_gets_its_answer_about_the_camera(echo_stack: Stack, name: str) -> None:
    ended = run(name, f"{echo_stack.url}/v1")
    assert ended.returncode == 0, ended.stderr
    assert "What" in ended.stdout
    assert ended.stdout.count(": 1280x720 mean RGB") == PICTURES.get(name, 1)
    assert ended.stderr == ""


@pytest.mark.parametrize("name", FILES)
def test_an_example_that_is_refused_fails(echo_stack: Stack, name: str) -> None:
    ended = run(name, f"{echo_stack.url}/v2")
    assert ended.returncode != 0
    assert "Not Found" in ended.stdout + ended.stderr


@pytest.mark.parametrize("name", FILES)
def test_an_example_needs_no_settings_where_the_stack_needs_none(name: str) -> None:
    assert "http://127.0.0.1:9000/v1" in (EXAMPLES / name).read_text()

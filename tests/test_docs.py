"""Every `sh` and `python` block of the documents does what it says, against a running stack."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import Stack, running

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(kind, code, id=f"{file.name}-{number}")
    for file in FILES
    for number, (kind, code) in enumerate(BLOCK.findall(file.read_text()), 1)
]


@pytest.fixture(scope="module")
def demo_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """What `make up` starts."""
    with running(tmp_path_factory.mktemp("demo")) as stack:
        yield stack


@pytest.mark.parametrize(("kind", "code"), BLOCKS)
def test_the_block_runs(demo_stack: Stack, kind: str, code: str) -> None:
    code = code.replace("http://127.0.0.1:9000", demo_stack.url)
    code = code.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    command = ["bash", "-euc", code] if kind == "sh" else [sys.executable, "-c", code]
    result = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "LOOKOUT_URL": demo_stack.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()
    assert '"error":{' not in result.stdout


def test_the_readme_has_blocks_to_run() -> None:
    assert len(BLOCKS) >= 4

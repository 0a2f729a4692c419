"""OpenAI's client for JavaScript, as it is: `openai_js/suite.mjs` says what it can rely on."""

import os
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from tests.api.origin import Origin
from tests.clients.conftest import KEY, Narrow
from tests.stack import Stack

SUITE = Path(__file__).parent / "openai_js"
PINNED = ("package.json", "package-lock.json")


def call(*command: str, folder: Path, **env: str) -> str:
    ended = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "NO_PROXY": "127.0.0.1", **env},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, f"{' '.join(command)} failed:\n{said}"
    return said


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest) -> Path:
    """A folder with the pinned packages; pytest keeps it, so they are fetched only once."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    pinned = b"".join((SUITE / name).read_bytes() for name in PINNED)
    version = call("node", "--version", folder=SUITE)
    name = sha256(pinned + version.encode()).hexdigest()[:12]
    cache = request.config.cache
    assert cache
    folder = cache.mkdir(f"openai-js-{name}")
    if not (folder / "complete").exists():
        for name in PINNED:
            shutil.copy(SUITE / name, folder)
        call("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", folder=folder)
        (folder / "complete").touch()
    return folder


def test_the_client_for_javascript_works(
    installed: Path, echo_stack: Stack, narrow: Narrow, origin: Origin
) -> None:
    shutil.copy(SUITE / "suite.mjs", installed)
    said = call(
        *("node", "--test", "--test-reporter", "spec", "suite.mjs"),
        folder=installed,
        ECHO_URL=echo_stack.url,
        NARROW_URL=narrow.stack.url,
        ORIGIN_URL=origin.url("picture"),
        KEY=KEY,
    )
    counts = dict(re.findall(r"^\S+ (tests|pass|fail|skipped) (\d+)$", said, re.MULTILINE))
    assert int(counts["pass"]) == int(counts["tests"]) >= 50, said

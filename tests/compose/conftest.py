"""One stack for all tests; what it said is shown when it does not come up."""

from collections.abc import Iterator
from time import monotonic

import httpx
import openai
import pytest

from tests.compose.stack import FOLDER, ComposeStack, docker, port

FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines with what was measured, shown at the end."""
    return request.config.stash.setdefault(FIGURES, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for line in config.stash.get(FIGURES, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def stack(figures: list[str]) -> Iterator[ComposeStack]:
    assert not (FOLDER / ".env").exists(), "compose/.env would change what is tried: move it away"
    stack = ComposeStack(("redis-port.yaml",))
    stack.compose("down", "-v", "-t", "1")
    try:
        began = monotonic()
        stack.compose("build")
        built = monotonic()
        stack.compose("up", "-d", "--wait", "--wait-timeout", "180")
        figures.append(f"built in {built - began:.0f} s, up in {monotonic() - built:.0f} s")
        figures.append(docker("images", "--format", "{{.Repository}}: {{.Size}}", "lookout*"))
        yield stack
    except BaseException:
        print(stack.logs())  # noqa: T201 - pytest shows it with the failure
        raise
    finally:
        stack.compose("down", "-v", "-t", "5")


@pytest.fixture(scope="session")
def key(stack: ComposeStack) -> str:
    """The one that was made at the first start."""
    return stack.compose("exec", "api", "python3", "-m", "compose.container", "key").strip()


@pytest.fixture(scope="session")
def client(stack: ComposeStack, key: str) -> Iterator[openai.OpenAI]:
    url = f"http://127.0.0.1:{port('API')}/v1"
    with openai.OpenAI(base_url=url, api_key=key, timeout=60, max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def http(stack: ComposeStack, key: str) -> Iterator[httpx.Client]:
    url = f"http://127.0.0.1:{port('API')}"
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as http:
        yield http

"""One stack for all tests; what it said is shown when it does not come up."""

from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.compose.stack import ComposeStack, port


@pytest.fixture(scope="session")
def stack() -> Iterator[ComposeStack]:
    stack = ComposeStack(("redis-port.yaml",))
    stack.compose("down", "-v", "-t", "1")
    try:
        stack.compose("build")
        stack.compose("up", "-d", "--wait", "--wait-timeout", "180")
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

"""The official clients, of the shared stack and of one that wants a key and has little room."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import pytest

from tests.api.origin import Origin, serving
from tests.stack import Stack, running

KEY = "a-key-of-the-client-suites"
CONNECTIONS = 16  # that the narrow stack takes


@pytest.fixture(scope="session")
def client(echo_stack: Stack) -> Iterator[openai.OpenAI]:
    with openai_client(echo_stack.url) as client:
        yield client


def openai_client(url: str, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=30)


def async_client(url: str, key: str = "none") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=30)


@pytest.fixture(scope="session")
def lookout(echo_stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=echo_stack.url, timeout=30, trust_env=False, verify=False) as http:
        yield http


@pytest.fixture(scope="session")
def origin() -> Iterator[Origin]:
    with serving() as origin:
        yield origin


@dataclass(frozen=True)
class Narrow:
    """A stack that wants a key, does one thing at a time, slowly, and lets one other wait."""

    stack: Stack
    client: openai.OpenAI


@pytest.fixture(scope="session")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Narrow]:
    folder: Path = tmp_path_factory.mktemp("narrow")
    with (
        running(
            folder,
            *("--model", "echo:?slots=1&tokens_per_s=20&id=slow"),
            LOOKOUT_API_KEYS=f"suite={KEY}",
            LOOKOUT_MAX_QUEUE="2",  # the one that runs is counted too
            LOOKOUT_RATE_RPM="60000",  # never reached; it makes the stack tell its limits
            LOOKOUT_MAX_CONNECTIONS=str(CONNECTIONS),
            LOOKOUT_CAMERA_OPEN_S="1.5",
            LOOKOUT_REQUEST_TIMEOUT_S="10",
        ) as stack,
        openai_client(stack.url, KEY) as client,
    ):
        yield Narrow(stack, client)

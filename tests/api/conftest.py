"""Clients of the shared stack, and a second stack whose limits are narrow."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import pytest

from tests.api.origin import Origin, serving
from tests.stack import Stack, running


@pytest.fixture(scope="session")
def lookout(echo_stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=echo_stack.url, timeout=30, trust_env=False, verify=False) as http:
        yield http


@pytest.fixture(scope="session")
def client(echo_stack: Stack) -> Iterator[openai.OpenAI]:
    with openai_client(echo_stack.url) as client:
        yield client


def openai_client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=30)


@pytest.fixture(scope="session")
def origin() -> Iterator[Origin]:
    with serving() as origin:
        yield origin


@dataclass(frozen=True)
class Tight:
    """A stack that does one thing at a time, slowly, and has little patience."""

    stack: Stack
    http: httpx.Client
    log: Path

    def logged(self) -> str:
        return self.log.read_text()


@pytest.fixture(scope="session")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tight]:
    folder = tmp_path_factory.mktemp("tight")
    (folder / "media").mkdir()
    log = folder / "log"
    with (
        stderr_to(log) as put_back,
        running(
            folder,
            *("--model", "echo:?slots=1&tokens_per_s=40&id=slow"),
            *("--camera", "small=demo:?fps=5&size=64x48"),
            LOOKOUT_LOG_LEVEL="INFO",
            LOOKOUT_ALLOW_HOSTS="localhost",  # but not 127.0.0.1
            LOOKOUT_FILE_ROOTS=str(folder / "media"),
            LOOKOUT_MAX_QUEUE="2",
            LOOKOUT_REQUEST_TIMEOUT_S="2.2",
            LOOKOUT_FETCH_TIMEOUT_S="1.5",
            LOOKOUT_CAMERA_OPEN_S="1.5",
            LOOKOUT_MAX_BODY_MB="3",
            LOOKOUT_MAX_IMAGE_MB="0.5",
            LOOKOUT_MAX_IMAGE_MP="1",
        ) as stack,
        httpx.Client(base_url=stack.url, timeout=30, trust_env=False, verify=False) as http,
    ):
        put_back()
        yield Tight(stack, http, log)


@contextmanager
def stderr_to(file: Path) -> Iterator["PutBack"]:
    """Processes started now write their standard error to *file*."""
    sys.stderr.flush()
    put_back = PutBack(os.dup(2))
    with file.open("wb") as log:
        os.dup2(log.fileno(), 2)
    try:
        yield put_back
    finally:
        put_back()
        os.close(put_back.before)


@dataclass(frozen=True)
class PutBack:
    before: int

    def __call__(self) -> None:
        os.dup2(self.before, 2)


@pytest.fixture(scope="session")
def echo_stack_media(echo_stack: Stack) -> Path:
    """The directory whose files that stack may open."""
    return echo_stack.folder / "media"

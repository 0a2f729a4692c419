"""
The one interface a vision-language backend implements.

An engine knows nothing of Redis, cameras, HTTP clients or queues: it takes turns of
text and pixels and yields events. To add one, write `engines/<name>.py` with the two
functions of `EngineModule`, and name it in `ENGINES`.
"""

import importlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

import msgspec
import numpy as np
from numpy.typing import NDArray

from bus.errors import BadSettings, EngineError
from bus.messages import Delta, Finished, Sampling, ToolCall

Pixels = NDArray[np.uint8]  # H x W x 3, RGB

T = TypeVar("T", bound=msgspec.Struct)

# What not every engine can do. What a request asks for beyond them is refused by name.
Ability = Literal[
    "logprobs",  # how likely each token was
    "top_logprobs",  # and which others were likely
    "logit_bias",
    "json",  # any JSON object
    "json_schema",  # JSON that follows a schema
    "tools",
]


class EngineLost(EngineError):
    """The engine died under the job; the job itself may be tried again."""


@dataclass(frozen=True)
class Turn:
    """One message of a conversation, its texts and pictures in the order given."""

    role: Literal["system", "user", "assistant", "tool"]
    content: tuple[str | Pixels, ...]
    calls: tuple[ToolCall, ...] = ()  # that the assistant asked for
    call_id: str = ""  # the call that a tool's turn answers


@dataclass(frozen=True)
class Judgement:
    """P(yes), 0 to 1, of each question; None where the engine's answer was neither yes nor no."""

    scores: tuple[float | None, ...]
    by: Literal["logits", "text"]


class Engine(Protocol):
    @property
    def slots(self) -> int:
        """How many requests it runs side by side without a loss."""
        ...

    @property
    def judges_series(self) -> bool:
        """Whether several pictures tell it more than the newest; if not, it gets that alone."""
        ...

    @property
    def abilities(self) -> frozenset[Ability]: ...

    def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        """
        Yield any number of `Delta`, then exactly one `Finished`.

        It is asked for nothing beyond its abilities. Raise `BadJob`, `EngineError`, or
        `EngineLost`; stop promptly when closed.
        """
        ...

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        """
        The score of each question about the same pictures (oldest first).

        One judgement runs at a time, beside the slots; the chats may not wait for more than
        it. An engine that only answers in words has `inference.yesno.judge_by_text`. Raise
        `BadJob` where there is no picture, else as `generate` does.
        """
        ...


class EngineModule(Protocol):
    def identify(self, url: str) -> str:
        """The model id that *url* will answer to, known before anything is loaded."""
        ...

    def open(self, url: str) -> AbstractAsyncContextManager[Engine]:
        """Load the model; raise `BadSettings` when *url* can never work."""
        ...


def parse_query(url: str, kind: type[T]) -> T:
    """The settings in *url*'s query (`?slots=4&delay_ms=20`) as *kind*, which has defaults."""
    values = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadSettings(f"engine {url!r}: {error}") from error


# The module in `engines/` for each scheme.
ENGINES = {
    "echo": "echo",
    "http": "http",
    "https": "http",
    "llamacpp": "llamacpp",
    "mlc": "mlc",
    "openvino": "openvino",
    "vllm": "vllm",
}


def engine_module(url: str) -> EngineModule:
    """The module that serves *url*'s scheme: `openvino:/models/some-model?slots=4`."""
    name = urlsplit(url).scheme
    if name not in ENGINES:
        choice = ", ".join(f"{engine}:" for engine in ENGINES)
        raise BadSettings(
            f"LOOKOUT_MODEL: {url!r} does not begin with an engine: {choice}; see docs/models.md"
        )
    return cast(EngineModule, importlib.import_module(f"inference.engines.{ENGINES[name]}"))

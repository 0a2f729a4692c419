"""
OpenVINO's continuous batching, in a child process of our own.

    openvino:/path/to/model?device=CPU&slots=8

The path may be relative; `inference.ov.settings` has all that may follow it. This side
knows nothing of OpenVINO: it sends turns and pixels to `inference.ov.child`, which holds
its interpreter for as long as a step takes, and starts it again when it dies or hangs.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from bus.errors import BadJob, EngineError
from bus.messages import Delta, Failed, Finished, Judged, Sampling
from inference.engine import Engine, Pixels, Turn
from inference.ov import wire
from inference.ov.link import Link, open_link
from inference.ov.settings import Settings, parse
from inference.supervised import Kept, kept


@dataclass(frozen=True)
class OpenVinoEngine:
    settings: Settings
    child: Kept[Link]

    @property
    def slots(self) -> int:
        return self.settings.query.slots

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling
    ) -> AsyncGenerator[Delta | Finished]:
        """See `Engine`. All that `Sampling` names is honoured; the end token is counted."""
        said, pictures = wire.split(turns)
        async with aclosing(self._ask(lambda number: wire.Generate(number, said, sampling)

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> list[float]:
        ...

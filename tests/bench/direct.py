"""
The engine's own pace: its pipeline in this process, nothing around it.

    python -m tests.bench.direct openvino:/path/to/model 128

Each line read says how many requests to keep in flight and how many to make; each line
written says what came of it. The pictures and questions are those of `tests.bench.model`.
"""

import sys
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import openvino_genai as genai

from inference.engine import Pixels
from inference.engines.openvino import fit
from inference.ov.pipeline import Handle, Pipeline
from inference.ov.settings import parse
from inference.ov.wire import Said
from tests.bench.model import QUESTIONS, pictures
from tests.bench.processes import say


@dataclass
class Request:
    handle: Handle
    wanted: float  # when there was room for it
    first_ms: float = 0.0

    @property
    def over(self) -> bool:
        return bool(self.handle.get_status() != genai.GenerationStatus.RUNNING)

    def listen(self) -> None:
        if self.handle.can_read() and self.handle.read() and not self.first_ms:
            self.first_ms = (perf_counter() - self.wanted) * 1000


class Direct:
    def __init__(self, url: str, tokens: int) -> None:
        settings = parse(url)
        self._pipeline, self._tokens = Pipeline(settings), tokens
        self._pictures = [fit(picture, settings) for picture in pictures()]

    def run(self, streams: int, chats: int) -> dict[str, float]:
        began, left, over = perf_counter(), chats, list[Request]()
        running = list[Request]()
        while running or left:
            wanted = perf_counter()
            while left and len(running) < streams:
                running.append(self._begin(left, wanted))
                left -= 1
            self._pipeline.step()
            for request in running:
                request.listen()
            over += [request for request in running if request.over]
            running = [request for request in running if not request.over]
        return {
            "first_ms": median(request.first_ms for request in over),
            "tokens_per_s": chats * self._tokens / (perf_counter() - began),
        }

    def _begin(self, number: int, wanted: float) -> Request:
        picture: Pixels = self._pictures[number % len(self._pictures)]
        question = QUESTIONS[number % len(QUESTIONS)]
        config = genai.GenerationConfig()
        config.min_new_tokens = config.max_new_tokens = self._tokens
        prompt = self._pipeline.prompt((Said("user", (0, question)),))
        return Request(self._pipeline.add(prompt, [picture], config), wanted)


def main(url: str, tokens: str) -> None:
    direct = Direct(url, int(tokens))
    say("ready")
    for line in sys.stdin:
        streams, chats = map(int, line.split())
        say(direct.run(streams, chats))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""
Judging with nothing but the pipeline: force "yes", force "no", compare their probabilities.

It works with every model. Each question is two requests, each of which encodes the
pictures again.
"""

import math
from collections.abc import Iterator, Sequence

import openvino_genai as genai

from bus.messages import Judged
from inference.engine import Pixels
from inference.ov.chat import OUT_OF_MEMORY
from inference.ov.judge import about
from inference.ov.pipeline import Handle, Pipeline
from inference.ov.wire import Event, Outcome

WORDS = ("[Yy]es", "[Nn]o")  # the model takes the spelling that it finds likelier


class ForcedJudge:
    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._rounds: dict[int, list[Handle]] = {}  # of each judgement: yes, no, yes, no, …

    def start(self, number: int, questions: Sequence[str], pictures: Sequence[Pixels]) -> None:
        card = self._pipeline.card
        prompts = [
            self._pipeline.prompt(about(question, len(pictures), card)) for question in questions
        ]
        self._rounds[number] = [
            self._pipeline.add(prompt, pictures, _force(word))
            for prompt in prompts
            for word in WORDS
        ]

    def drop(self, number: int) -> None:
        self._rounds.pop(number, None)

    def collect(self) -> Iterator[Event]:
        for number, handles in list(self._rounds.items()):
            if all(handle.get_status() != genai.GenerationStatus.RUNNING for handle in handles):
                yield Event(number, _outcome(self._rounds.pop(number)))


def _outcome(handles: list[Handle]) -> Outcome:
    if any(handle.get_status() != genai.GenerationStatus.FINISHED for handle in handles):
        return OUT_OF_MEMORY
    logs = [_log_probability(handle) for handle in handles]
    pairs = zip(logs[::2], logs[1::2], strict=True)
    return Judged(tuple(1 / (1 + math.exp(no - yes)) for yes, no in pairs), "logits")


def _log_probability(handle: Handle) -> float:
    """Of the forced word in the model's own distribution, without the end token."""
    output = handle.read_all()[0]
    ended = output.finish_reason == genai.GenerationFinishReason.STOP
    logs: list[float] = output.generated_log_probs
    return sum(logs[:-1] if ended else logs)


def _force(word: str) -> genai.GenerationConfig:
    config = genai.GenerationConfig()
    config.max_new_tokens = 6
    config.logprobs = 1
    config.structured_output_config = genai.StructuredOutputConfig(regex=word)
    return config

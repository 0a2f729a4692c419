"""Chats on the pipeline: tokens become text, and each chat ends exactly once."""

import random
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from time import monotonic
from typing import Literal

import openvino_genai as genai

from bus.errors import BadJob, EngineError
from bus.messages import Delta, Failed, Finished, Sampling
from inference.engine import Pixels
from inference.ov.pipeline import Handle, Pipeline, prompt_tokens
from inference.ov.schema import to_grammar
from inference.ov.scores import Scores
from inference.ov.settings import Card
from inference.ov.wire import Event, Generate, Outcome
from inference.text import Detokenizer, StopStrings

TOGETHER_S = 0.03  # tokens that follow one another faster than this become text together
OUT_OF_MEMORY = Failed.of(
    EngineError("the request did not fit into the engine's cache: raise cache_gb in its URL")
)


class Chat:
    """One running request. Once `ending` is known, it is free after the next step."""

    def __init__(self, handle: Handle, sampling: Sampling, words: Mapping[int, bytes]) -> None:
        """*words*: the bytes of each token, if how likely they are shall be told."""
        self.handle = handle
        self.words = Detokenizer()
        self.count = 0  # tokens generated, the end token included
        self.shown = 0  # of these, how many have been made text
        self.ending: Literal["", "stop", "length"] = ""
        self.free = False
        self._sampling = sampling
        self._stops = StopStrings(sampling.stop)
        self._bytes = words
        self._scores = Scores()

    @property
    def out_of_memory(self) -> bool:
        return not self.ending and self.handle.get_status() == genai.GenerationStatus.IGNORED

    @property
    def urgent(self) -> bool:
        """Whether its new tokens cannot wait: the first, the last, and if any may be a stop."""
        return bool(not self.shown or self.ending or self._sampling.stop)

    def read(self) -> bool:
        """Take the tokens of the last step; whether there were any."""
        before = self.count
        while not self.ending and self.handle.can_read():
            for output in self.handle.read().values():
                self._take(output.generated_ids, output.finish_reason)
                if self._bytes:
                    self._weigh(output.generated_ids, output.generated_log_probs)
        return self.count > before

    def show(self, decoded: str) -> Delta:
        """What may be sent now, *decoded* being the text of the window."""
        text = self.words.read(decoded)
        self.shown = self.count
        if self.count >= self._sampling.min_tokens:
            text = self._stops.add(text)
        if self._stops.found:
            self.end("stop")
        elif self.ending:
            text += self._stops.rest()
            return Delta(text, scores=self._scores.read(text) + self._scores.rest())
        return Delta(text, scores=self._scores.read(text))

    def end(self, how: Literal["stop", "length"]) -> None:
        self.ending = how
        if not self.free:
            self.handle.stop()

    def _take(self, tokens: Sequence[int], finish: genai.GenerationFinishReason) -> None:
        for token in tokens:
            self.words.add(token)
        self.count += len(tokens)
        if finish != genai.GenerationFinishReason.NONE:
            self.free = True
            self.ending = "stop" if finish == genai.GenerationFinishReason.STOP else "length"
        elif self.count >= self._sampling.max_tokens:
            self.end("length")

    def _weigh(self, tokens: Sequence[int], logprobs: Sequence[float]) -> None:
        """Note how likely the tokens were; the end token is not told."""
        if self.free and self.ending == "stop":
            tokens = tokens[:-1]
        for token, logprob in zip(tokens, logprobs, strict=False):
            self._scores.add(self._bytes.get(token, b""), logprob)


class Chats:
    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._chats: dict[int, Chat] = {}
        self._next_s = 0.0

    def start(self, number: int, command: Generate, pictures: Sequence[Pixels]) -> None:
        sampling = command.sampling
        config = configure(sampling, self._pipeline.card)
        prompt = self._pipeline.prompt(command.turns)
        handle = self._pipeline.add(prompt, pictures, config)
        words = {} if sampling.logprobs is None else self._pipeline.words
        self._chats[number] = Chat(handle, sampling, words)

    def drop(self, number: int) -> None:
        """Forget a chat; without its handle it is gone after the next step."""
        self._chats.pop(number, None)

    def collect(self) -> Iterator[Event]:
        """What the last step of the pipeline brought; call it after each step."""
        for number, chat in list(self._chats.items()):
            if chat.ending or (not chat.read() and chat.out_of_memory):
                yield self._close(number)
        due = self._due()
        texts = self._pipeline.texts([chat.words.window for chat in due.values()])
        for (number, chat), decoded in zip(due.items(), texts, strict=True):
            first = not chat.shown
            delta = chat.show(decoded)
            if delta.text or delta.scores or first:  # the first token is news even without text
                yield Event(number, delta)
            if chat.free:
                yield self._close(number)

    def _due(self) -> dict[int, Chat]:
        """The chats whose new tokens shall be made text now."""
        everyone = monotonic() >= self._next_s
        if everyone:
            self._next_s = monotonic() + TOGETHER_S
        return {
            number: chat
            for number, chat in self._chats.items()
            if chat.count > chat.shown and (everyone or chat.urgent)
        }

    def _close(self, number: int) -> Event:
        chat = self._chats.pop(number)
        return Event(number, self._outcome(chat))

    def _outcome(self, chat: Chat) -> Outcome:
        if not chat.ending:
            return OUT_OF_MEMORY
        return Finished(chat.ending, prompt_tokens(chat.handle), chat.count)


def configure(sampling: Sampling, card: Card) -> genai.GenerationConfig:
    """
    *sampling* in OpenVINO's words. It is greedy without a temperature, or with 0.

    `max_tokens` is not among them: the limit given is the model's context, so that a
    prompt which fits is answered with as many tokens as fit, and `Chat` stops earlier.
    A format ends where its JSON is complete, also before `min_tokens`.
    """
    _check(sampling)
    config = genai.GenerationConfig()
    config.min_new_tokens = sampling.min_tokens
    config.presence_penalty = sampling.presence_penalty
    config.frequency_penalty = sampling.frequency_penalty
    if sampling.logprobs is not None:
        config.logprobs = 1
    if sampling.format:
        grammar = to_grammar(sampling.format, card.longest_string, card.longest_list)
        config.structured_output_config = genai.StructuredOutputConfig(grammar=grammar)
    if sampling.temperature and sampling.top_p != 0:
        config.do_sample = True
        config.temperature = sampling.temperature
        config.top_p = 1.0 if sampling.top_p is None else sampling.top_p
        seed = random.getrandbits(32) if sampling.seed is None else sampling.seed
        config.rng_seed = seed % (1 << 32)
    return config


def _check(sampling: Sampling) -> None:
    ranges: tuple[tuple[str, float | None, float, float], ...] = (
        ("max_tokens", sampling.max_tokens, 1, inf),
        ("min_tokens", sampling.min_tokens, 0, sampling.max_tokens),
        ("temperature", sampling.temperature, 0, 100),
        ("top_p", sampling.top_p, 0, 1),
        ("presence_penalty", sampling.presence_penalty, -2, 2),
        ("frequency_penalty", sampling.frequency_penalty, -2, 2),
    )
    for name, value, least, most in ranges:
        if value is not None and not least <= value <= most:
            bound = f"at most {most:g}" if value > most else f"at least {least:g}"
            raise BadJob(f"{name} must be {bound}, not {value:g}", param=name)

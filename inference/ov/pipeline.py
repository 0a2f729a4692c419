"""OpenVINO's continuous batching pipeline, as the rest of the child sees it."""

import itertools
import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import openvino as ov
import openvino_genai as genai

from bus.errors import BadJob, BadSettings, ContextTooLong, EngineError
from inference.engine import Pixels
from inference.ov.prompt import build, tag
from inference.ov.scores import token_bytes
from inference.ov.settings import Settings
from inference.ov.wire import Said

Handle = Any  # of one request; OpenVINO does not export the class

# OpenVINO has one kind of error. This one, and only this one, is known by its words.
TOO_LONG = "'max_length' must be greater than the number of prompt tokens"


class Pipeline:
    """Prompts in, handles out; `step` brings each of them about one token further."""

    def __init__(self, settings: Settings) -> None:
        self.card = settings.card
        self.context = settings.config.context
        self._pipeline = _load(settings)
        self._tokenizer = self._pipeline.get_tokenizer()
        self._ids = itertools.count()  # two live requests with one id break each other
        self._bos = self._tokenizer.get_bos_token()
        self._adds_bos = self.tokens("a")[0] == self._tokenizer.get_bos_token_id()

    @property
    def busy(self) -> bool:
        return bool(self._pipeline.has_non_finished_requests())

    def step(self) -> None:
        self._pipeline.step()

    def tokens(self, text: str, *, special: bool = True) -> list[int]:
        """*special*: with the tokens that the tokenizer itself puts around a prompt."""
        encoded = self._tokenizer.encode(text, add_special_tokens=special)
        ids: list[int] = encoded.input_ids.data.ravel().tolist()
        return ids

    @cached_property
    def words(self) -> dict[int, bytes]:
        """The bytes of each token."""
        return token_bytes(self._tokenizer.get_vocab())

    def texts(self, tokens: list[list[int]]) -> list[str]:
        """Decode several lists at once: ten cost little more than one."""
        decoded: list[str] = self._tokenizer.decode(tokens) if tokens else []
        return decoded

    def prompt(self, turns: Sequence[Said]) -> str:
        try:
            text = build(turns, self.card, self._apply_template, self._bos)
        except RuntimeError as error:
            message = f"the model's chat template refuses these messages: {last_line(error)}"
            raise BadJob(message, param="messages") from error
        return text.removeprefix(self._bos) if self._adds_bos else text

    def add(
        self, prompt: str, pictures: Sequence[Pixels], config: genai.GenerationConfig
    ) -> Handle:
        """Begin a request; it is dropped when its handle is."""
        self._refuse_endless(prompt, pictures)
        config.max_length = self.context
        try:
            return self._request(prompt, pictures, config)
        except RuntimeError as error:
            if TOO_LONG in str(error):
                raise self._too_long(self._count(prompt, pictures)) from error
            raise EngineError(f"OpenVINO refused the request: {last_line(error)}") from error

    def _request(
        self, prompt: str, pictures: Sequence[Pixels], config: genai.GenerationConfig
    ) -> Handle:
        config.apply_chat_template = False  # it is applied: see prompt()
        tensors = [ov.Tensor(picture[None]) for picture in pictures]
        handle: Handle = self._pipeline.add_request(next(self._ids), prompt, tensors, config)
        with warnings.catch_warnings():
            # Otherwise the pipeline remembers all token ids of all requests for ever.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pipeline.finish_chat()
        return handle

    def _apply_template(self, messages: list[dict[str, str]]) -> str:
        text: str = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        return text

    def _refuse_endless(self, prompt: str, pictures: Sequence[Pixels]) -> None:
        """Count a very long text before the pipeline makes embeddings of it."""
        if len(prompt) <= 2 * self.context:
            return
        tags = [tag(picture) for picture in range(len(pictures))]
        for each in tags:
            prompt = prompt.replace(each, "")
        count = len(self.tokens(prompt))
        if count > 2 * self.context:
            raise self._too_long(count + (self._count("".join(tags), pictures) if tags else 0))

    def _count(self, prompt: str, pictures: Sequence[Pixels]) -> int:
        """The tokens of a prompt that is too long, as the pipeline itself counts them."""
        handle = self._request(prompt, pictures, genai.GenerationConfig())
        handle.cancel()
        self.step()
        return prompt_tokens(handle)

    def _too_long(self, count: int) -> ContextTooLong:
        return ContextTooLong(
            f"this model's context is {self.context} tokens, but the messages have {count}",
            param="messages",
        )


def prompt_tokens(handle: Handle) -> int:
    """The tokens of the prompt, those of pictures included; known once a request has ended."""
    count: int = handle.get_perf_metrics().get_num_input_tokens()
    return count


def last_line(error: Exception) -> str:
    """What OpenVINO says, without where in its source it says so."""
    return (str(error).strip().splitlines() or ["unknown error"])[-1]


def _load(settings: Settings) -> Any:
    query = settings.query
    scheduler = genai.SchedulerConfig()
    scheduler.cache_size = query.cache_gb
    try:
        return genai.ContinuousBatchingPipeline(
            settings.path, scheduler, query.device, settings.properties
        )
    except RuntimeError as error:
        message = f"cannot load {settings.path} on {query.device}: {last_line(error)}"
        raise BadSettings(message) from error

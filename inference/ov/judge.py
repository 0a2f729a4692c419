"""
Many yes/no questions on the same pictures for little more than the cost of one.

On the plain OpenVINO runtime: the pictures and whatever all prompts begin with are read
once, the rests of the prompts as one batch whose rows all continue that beginning. The
logits of "yes" and "no" behind each row give P(yes); nothing is generated.

It needs a model exported in the form of LLaVA, and a copy of its weights beside those
of the pipeline. For others there is `forced`.
"""

import json
import sys
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from bus.errors import ContextTooLong, EngineError
from inference.engine import Pixels
from inference.ov.pipeline import Pipeline, last_line
from inference.ov.prompt import tag
from inference.ov.settings import Card, Settings
from inference.ov.wire import Said

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

PICTURE = "<image>"
YES, NO = ("yes", "Yes"), ("no", "No")
LANGUAGE_INPUTS = {"inputs_embeds": 3, "attention_mask": 2, "position_ids": 2, "beam_idx": 1}
ROWS = 32  # questions in one batch; each row has its own copy of the beginning


def about(question: str, pictures: int, card: Card) -> list[Said]:
    """The conversation that asks for yes or no."""
    return [
        Said("system", (card.judge_prompt,)),
        Said("user", (*range(pictures), question)),
    ]


def can_share(settings: Settings) -> bool:
    """
    Whether the model has the form this needs: LLaVA's, with pictures that come at its size.

    Pictures of any other size would have to be cut and scaled as the pipeline does it,
    which differs between the families.
    """
    return settings.config.model_type == "llava" and settings.card.fit == "squash"


def load_judge(settings: Settings, pipeline: Pipeline) -> "SharedJudge | None":
    """None if the model's files turn out not to have the form; stderr says why."""
    try:
        return SharedJudge(settings, pipeline)
    except (RuntimeError, OSError, KeyError, ValueError) as error:
        sys.stderr.write(f"judging each question by itself: {last_line(error)}\n")
        return None


def shared_length(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all *prompts* begin with, at least one being left of each."""
    columns = zip(*(prompt[:-1] for prompt in prompts), strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


class SharedJudge:
    def __init__(self, settings: Settings, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._model = Runtime(settings)
        self._picture = pipeline.tokens(PICTURE, special=False)[-1]
        self._yes = [pipeline.tokens(word, special=False)[0] for word in YES]
        self._no = [pipeline.tokens(word, special=False)[0] for word in NO]

    def judge(self, questions: Sequence[str], pictures: Sequence[Pixels]) -> list[float]:
        """P(yes) of each question. Several pictures all stand in the prompt, oldest first."""
        features = [self._model.see(picture) for picture in pictures]
        prompts = [self._tokens(question, len(pictures)) for question in questions]
        shared = shared_length(prompts)
        beginning = self._embed(prompts[0][:shared], features)
        rests = [prompt[shared:] for prompt in prompts]
        self._refuse_long(len(beginning) + max(map(len, rests)))
        scores: list[float] = []
        for first in range(0, len(rests), ROWS):
            logits = self._model.read(beginning, rests[first : first + ROWS])
            scores += self._yes_share(logits)
        return scores

    def _tokens(self, question: str, pictures: int) -> list[int]:
        prompt = self._pipeline.prompt(about(question, pictures, self._pipeline.card))
        for picture in range(pictures):
            prompt = prompt.replace(tag(picture), PICTURE + "\n")  # as the pipeline does it
        return self._pipeline.tokens(prompt)

    def _embed(self, tokens: list[int], features: list[Floats]) -> Floats:
        """One row per token; a picture's token becomes the rows of the picture."""
        rows = self._model.embed(np.array([tokens]))[0]
        places = [place for place, token in enumerate(tokens) if token == self._picture]
        parts, end = [], 0
        for place, picture in zip(places, features, strict=True):
            parts += [rows[end:place], picture]
            end = place + 1
        return np.concatenate([*parts, rows[end:]])

    def _refuse_long(self, count: int) -> None:
        if count > self._pipeline.context:
            raise ContextTooLong(
                f"this model's context is {self._pipeline.context} tokens,"
                f" but the pictures and the longest question have {count}"
            )

    def _yes_share(self, logits: Floats) -> list[float]:
        weights = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
        yes, no = weights[:, self._yes].sum(axis=1), weights[:, self._no].sum(axis=1)
        shares: list[float] = (yes / (yes + no)).tolist()
        return shares


class Runtime:
    """The three parts of a LLaVA export: eyes, word embeddings, language model."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._core = ov.Core()
        self._eyes = self._compile("vision_embeddings", {"pixel_values": 4})
        self._words = self._compile("text_embeddings", {"input": 2})
        self._language = self._compile("language", LANGUAGE_INPUTS)
        config = json.loads((settings.path / "preprocessor_config.json").read_bytes())
        self._scale = np.float32(config.get("rescale_factor", 1 / 255))
        self._mean = np.array(config["image_mean"], np.float32)
        self._deviation = np.array(config["image_std"], np.float32)

    def see(self, picture: Pixels) -> Floats:
        pixels = (picture * self._scale - self._mean) / self._deviation
        seen: Floats = self._infer(self._eyes, {"pixel_values": pixels.transpose(2, 0, 1)[None]})[0]
        return seen

    def embed(self, tokens: Ints) -> Floats:
        return self._infer(self._words, {"input": tokens})

    def read(self, beginning: Floats, rests: list[list[int]]) -> Floats:
        """The logits behind each of *rests*, all of which continue *beginning*."""
        start = len(beginning)
        self._language.reset_state()
        self._step(beginning[None], np.ones((1, start), np.int64), np.arange(start)[None])
        # Rows of unequal length are padded on the left: all of them end in the last column.
        longest = max(map(len, rests))
        tokens = np.zeros((len(rests), longest), np.int64)
        mask = np.zeros((len(rests), start + longest), np.int64)
        mask[:, :start] = 1
        places = np.zeros((len(rests), longest), np.int64)
        for row, rest in enumerate(rests):
            tokens[row, -len(rest) :] = rest
            mask[row, -len(rest) :] = 1
            places[row, -len(rest) :] = np.arange(start, start + len(rest))
        logits: Floats = self._step(self.embed(tokens), mask, places)[:, -1]
        return logits

    def _step(self, embeddings: Floats, mask: Ints, places: Ints) -> Floats:
        inputs: dict[str, NDArray[Any]] = {
            "inputs_embeds": embeddings,
            "attention_mask": mask,
            "position_ids": places,
            "beam_idx": np.zeros(len(embeddings), np.int32),  # every row continues row 0
        }
        return self._infer(self._language, inputs)

    def _infer(self, request: Any, inputs: dict[str, NDArray[Any]]) -> Floats:
        try:
            result: Floats = next(iter(request.infer(inputs).values()))
        except RuntimeError as error:
            raise EngineError(f"OpenVINO refused to judge: {last_line(error)}") from error
        return result.copy()  # the next call writes to the same place

    def _compile(self, part: str, inputs: dict[str, int]) -> Any:
        """*inputs*: the names of those it must have, and no others, with their dimensions."""
        settings = self._settings
        model = self._core.read_model(settings.path / f"openvino_{part}_model.xml")
        found = {input.any_name: len(input.partial_shape) for input in model.inputs}
        if found != inputs:
            raise ValueError(f"{part} takes {found} instead of {inputs}")
        compiled = self._core.compile_model(model, settings.query.device, settings.properties)
        return compiled.create_infer_request()

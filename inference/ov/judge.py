"""
Many yes/no questions on the same pictures for little more than the cost of one.

On the plain OpenVINO runtime: the pictures and whatever all prompts begin with are read
once, the rests of the prompts as one batch whose rows all continue that beginning. The
logits of "yes" and "no" behind each row give P(yes); nothing is generated.

It needs a model exported in the form of LLaVA, and a copy of its weights beside those
of the pipeline. For others there is `forced`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from bus.errors import BadJob, ContextTooLong
from inference.engine import Pixels
from inference.ov.pipeline import Pipeline
from inference.ov.prompt import tag
from inference.ov.settings import Card, Settings
from inference.ov.wire import Said

Floats = NDArray[np.float32]

SPELLINGS = (("yes", "Yes"), ("no", "No"))
INPUTS = {"attention_mask", "position_ids", "inputs_embeds", "beam_idx"}


def about(question: str, pictures: int, card: Card) -> list[Said]:
    """The conversation that asks for yes or no."""
    return [
        Said("system", (card.judge_prompt,)),
        Said("user", (*range(pictures), question)),
    ]


def can_share(settings: Settings) -> bool:
    """
    Whether the model has the form this needs: LLaVA's, and pictures that come at its size.

    Pictures of any other size would have to be cut and scaled exactly as the pipeline
    does it, which is different for each family.
    """
    config = json.loads((settings.path / "config.json").read_bytes())
    return config.get("model_type") == "llava" and settings.card.fit == "squash"


class SharedJudge:
    def __init__(self, settings: Settings, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        config = json.loads((settings.path / "config.json").read_bytes())
        self._picture_token: int = config["image_token_index"]
        self._prepare = Preprocessor(settings.path)
        core = ov.Core()
        ...

"""The bundled model answers about the demo camera, and about scenes it was not shown before."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import openvino  # ships no types
import openvino_genai  # ships no types
import pytest

from capture.demo.canvas import Picture
from capture.demo.dice import Dice
from capture.demo.random_scene import random_scene
from capture.demo.render import Renderer
from capture.demo.scene import KINDS, Kind
from capture.demo.script import scene_at, steady_spans, truth_at
from capture.demo.truth import Truth

MODEL = Path(__file__).parents[3] / "models" / "demo"
SIZE = json.loads((MODEL / "lookout.json").read_text())["size"]
JUDGE = (
    "You are an AI assistant whose job is to evaluate a yes/no question on an image. "
    "Your response must be accurate and based on the image and MUST be yes or no."
)
PLURAL: dict[Kind, str] = {"person": "people", "box": "boxes"}
PLACES = {"left": "On the left.", "middle": "In the middle.", "right": "On the right."}
SURE = 0.9
# The middle and both ends of every stretch in which nothing changes.
MOMENTS = [
    t_s
    for span in steady_spans()
    for t_s in (span.starts + 0.05, (span.starts + span.ends) / 2, span.ends - 0.05)
]


@dataclass(frozen=True)
class Answer:
    text: str
    sure: float  # the probability of the whole text


class Model:
    def __init__(self) -> None:
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.cache_size = 1
        self.pipeline = openvino_genai.ContinuousBatchingPipeline(str(MODEL), scheduler, "CPU")
        self.asked = 0

    def ask(self, picture: Picture, prompts: list[str]) -> list[Answer]:
        small = cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA)
        tensor = openvino.Tensor(small[None])
        handles = [self._request(tensor, prompt) for prompt in prompts]
        while self.pipeline.has_non_finished_requests():
            self.pipeline.step()
        outputs = [handle.read_all()[0] for handle in handles]
        decode = self.pipeline.get_tokenizer().decode
        return [
            Answer(decode(output.generated_ids), math.exp(sum(output.generated_log_probs)))
            for output in outputs
        ]

    def _request(self, tensor: openvino.Tensor, prompt: str) -> Any:
        wanted = openvino_genai.GenerationConfig()
        wanted.apply_chat_template = False  # prompts come in their final form
        wanted.max_new_tokens = 48
        wanted.logprobs = 1
        self.asked += 1
        return self.pipeline.add_request(self.asked, f"<s><image>{prompt}<asst>", [tensor], wanted)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer()


def judge(question: str) -> str:
    return f"<sys>{JUDGE}<user>{question}"


def presence(truth: Truth) -> dict[str, str]:
    return {judge(f"Is there a {kind}?"): "yes" if truth.has(kind) else "no" for kind in KINDS} | {
        judge("Is it night?"): "yes" if truth.night else "no"
    }


def details(truth: Truth) -> dict[str, str]:
    answers = {}
    for kind in KINDS:
        many = PLURAL.get(kind, f"{kind}s")
        answers[f"<user>How many {many} are there?"] = str(truth.count(kind))
        if place := truth.where(kind):
            answers[f"<user>Where is the {kind}?"] = PLACES[place]
        if colour := truth.colour_of(kind):
            is_ = "is the person wearing" if kind == "person" else f"is the {kind}"
            answers[f"<user>What colour {is_}?"] = f"{colour.capitalize()}."
    return answers


@pytest.mark.parametrize("t_s", MOMENTS)
def test_every_steady_moment_is_understood(model: Model, renderer: Renderer, t_s: float) -> None:
    truth = truth_at(t_s)
    assert truth.steady
    expected = presence(truth) | details(truth)
    answers = model.ask(renderer.render(scene_at(t_s), int(t_s * 10)), list(expected))
    said = dict(zip(expected, answers, strict=True))
    assert {prompt: answer.text for prompt, answer in said.items()} == expected
    assert {prompt: answer.sure for prompt, answer in said.items() if answer.sure < SURE} == {}


def test_it_describes_what_it_sees(model: Model, renderer: Renderer) -> None:
    (answer,) = model.ask(renderer.render(scene_at(13)), ["<user>Describe the scene."])
    assert answer.text == "A person on the left and a blue truck on the right, in daylight."


def test_random_scenes_look_like_those_it_learned_from(model: Model, renderer: Renderer) -> None:
    dice = Dice(2026)
    right = []
    for shot in range(30):
        scene = random_scene(dice)
        there = {thing.kind for thing in scene.things}
        questions = [judge(f"Is there a {kind}?") for kind in KINDS]
        answers = model.ask(renderer.render(scene, shot), questions)
        right += [
            answer.text == ("yes" if kind in there else "no")
            for kind, answer in zip(KINDS, answers, strict=True)
        ]
    assert sum(right) / len(right) > 0.97

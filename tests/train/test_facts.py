"""What the demo model is taught agrees with what is on the picture."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from capture.demo.render import Renderer
from capture.demo.scene import CLEAR, KINDS
from models.demo.train.asked import (
    CANNOT_TELL,
    Pair,
    clothes,
    colour,
    count,
    describe,
    description,
    plain_yes_or_no,
    refused,
    rule,
    what,
    where,
)
from models.demo.train.drawing import DRAWN, scene_of
from models.demo.train.facts import Facts, facts_of
from models.demo.train.labels import CHANNELS, NAMED, labels_of
from models.demo.train.unseen import UNSEEN

SCENES = [scene_of("tests", number) for number in range(400)]
FACTS = [facts_of(scene) for scene in SCENES]


def asked(ask: object, about: str = "") -> list[tuple[Facts, Pair]]:
    assert callable(ask)
    dice = Random(1)
    pairs = [(facts, ask(dice, facts)) for facts in FACTS for _ in range(6)]
    return [(facts, pair) for facts, pair in pairs if about in pair.question.lower()]


def test_pixels_change_in_the_box_of_a_label_and_nowhere_else() -> None:
    renderer = Renderer(*DRAWN)
    tried = 0
    for scene in SCENES[:120]:
        clean = replace(scene, noise=0, conditions=CLEAR)
        solid = [thing for thing in scene.things if thing.kind != "fire"]
        if len(solid) != 1 or len(scene.things) != 1:
            continue
        without = renderer.render(replace(clean, things=())).astype(int)
        changed = np.abs(renderer.render(clean) - without).max(axis=2) > 12
        (left, top, right, bottom) = labels_of([clean]).boxes[0][
            [CHANNELS[c][0] in KINDS for c in labels_of([clean]).channels[0]]
        ][0]
        height, width = changed.shape
        box = np.s_[
            int(top * height) : int(bottom * height), int(left * width) : int(right * width)
        ]
        assert changed[box].mean() > 0.2
        outside = changed.copy()
        margin = 8
        outside[
            max(0, box[0].start - margin) : box[0].stop + margin,
            max(0, box[1].start - margin) : box[1].stop + margin,
        ] = False
        assert outside.mean() < 0.002
        tried += 1
    assert tried >= 10


def test_every_thing_and_decoy_has_its_label() -> None:
    labels = labels_of(SCENES)
    for scene, channels in zip(SCENES, labels.channels, strict=True):
        named = [NAMED.index(one.kind) for one in scene.standing if one.kind in NAMED]
        told = [NAMED.index(CHANNELS[channel][0]) for channel in channels if channel >= 0]
        assert sorted(told) == sorted(named)
    assert labels.boxes.min() >= 0 and labels.boxes.max() <= 1


def test_a_mirrored_picture_has_mirrored_labels_and_facts() -> None:
    labels = labels_of(SCENES)
    numbers = np.arange(len(SCENES))
    once = labels.take(numbers, np.ones(len(SCENES), np.bool_))
    there = labels.channels >= 0
    swapped = 1 - labels.boxes[..., [2, 1, 0, 3]]
    assert np.allclose(once.boxes[there][:, [0, 2]], swapped[there][:, [0, 2]])
    for facts in FACTS:
        assert facts.mirrored().mirrored() == facts
        assert len(facts.mirrored().of("car", place="left")) == len(facts.of("car", place="right"))


def test_presence_is_answered_as_the_scene_is() -> None:
    for kind in KINDS:
        for facts, pair in asked(plain_yes_or_no, f"is there a {kind}?"):
            assert pair.answer.rstrip(".").lower() == ("yes" if facts.count(kind) else "no")


def test_counts_colours_and_places_are_those_of_the_scene() -> None:
    for facts, pair in asked(count, "how many cars are there?"):
        assert pair.answer == str(facts.count("car"))
    for facts, pair in asked(colour, "what colour is the truck?"):
        trucks = facts.of("truck")
        assert all(str(truck.colour) in pair.answer.lower() for truck in trucks)
        assert trucks or pair.answer == "There is no truck."
    for facts, pair in asked(where, "where is the dog?"):
        assert all(dog.place in pair.answer for dog in facts.of("dog"))
    for facts, pair in asked(clothes, "what colour is the person wearing?"):
        assert all(str(one.colour) in pair.answer.lower() for one in facts.of("person"))


def test_a_decoy_is_not_counted_or_described() -> None:
    for facts in FACTS:
        text = description(facts)
        assert not any(word in text for word in ("statue", "scarecrow", "poster", "hedge"))
        assert ("person" in text or "people" in text) == bool(facts.count("person"))


def test_a_description_names_everything_in_the_form_that_the_docs_show() -> None:
    texts = {description(facts) for facts in FACTS}
    assert any(text.startswith("An empty scene, ") for text in texts)
    assert all(text.endswith(".") and text[0].isupper() for text in texts)


def test_what_cannot_be_seen_is_refused() -> None:
    answers = {pair.answer for _, pair in asked(refused)}
    assert CANNOT_TELL in answers and len(answers) == 2


@pytest.mark.parametrize("ask", [plain_yes_or_no, rule])
def test_yes_is_right_about_as_often_as_no(ask: object) -> None:
    answers = [pair.answer.lower().rstrip(".") for _, pair in asked(ask)]
    assert set(answers) == {"yes", "no"}
    assert 0.35 < answers.count("yes") / len(answers) < 0.5


def test_the_examination_asks_in_words_that_are_never_taught() -> None:
    taught = {
        pair.question.lower().rstrip("?.")
        for ask in (plain_yes_or_no, rule)
        for _, pair in asked(ask)
    }
    assert not taught & {text.lower().rstrip("?.") for _, text in UNSEEN}


def test_every_question_and_answer_is_a_sentence_that_was_filled_in() -> None:
    for ask in (plain_yes_or_no, rule, count, colour, where, what, clothes, describe, refused):
        for _, pair in asked(ask):
            assert "{" not in pair.question + pair.answer
            assert "  " not in pair.question

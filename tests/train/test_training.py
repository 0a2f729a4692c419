"""Training goes on where it was broken off, and questions behind one picture do not mix."""

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="`make train-demo` installs what training needs")

from capture.demo.dice import Dice  # noqa: E402
from capture.demo.random_scene import random_thing  # noqa: E402
from capture.demo.random_world import SEEN  # noqa: E402
from capture.demo.scene import KINDS  # noqa: E402
from capture.demo.truth import PLACES, visible_share  # noqa: E402
from models.demo.train.drawing import CROWDED, scene_of  # noqa: E402
from models.demo.train.facts import facts_of  # noqa: E402
from models.demo.train.labels import CHANNELS, HARDLY_SEEN, NAMED, counted, labels_of  # noqa: E402
from models.demo.train.maps import fine, middles  # noqa: E402
from models.demo.train.muon import Muon, orthogonal  # noqa: E402
from models.demo.train.network import (  # noqa: E402
    IN_A_PLACE,
    LEVELS,
    MOST_LEVELS,
    OF_A_KIND,
    SUMS,
    added_up,
    in_places,
    of_kinds,
)
from models.demo.train.packing import LENGTH, NOT_ASKED, PREFIX, batch_of  # noqa: E402
from models.demo.train.training import (  # noqa: E402
    Budget,
    Optimizer,
    restored,
    run,
    scale_at,
)
from models.demo.train.words import END, Words, learn  # noqa: E402

SCENES = [scene_of("tests", number) for number in range(300)]
FACTS = [facts_of(scene) for scene in SCENES]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Words:
    file = tmp_path_factory.mktemp("words") / "tokenizer.json"
    learn(FACTS, file)
    return Words(file)


def test_the_cells_of_a_picture_add_up_to_what_is_on_it() -> None:
    labels = labels_of(SCENES)
    mass = middles(labels).sum(1)
    for scene, found in zip(SCENES, mass, strict=True):
        for channel, (kind, colour) in enumerate(CHANNELS):
            there = [
                counted(visible_share(one, scene.standing))
                for one in scene.standing
                if one.kind == kind and getattr(one, "colour", None) == colour
            ]
            assert float(found[channel]) == pytest.approx(sum(there), abs=1e-4)


def test_the_cells_of_a_third_add_up_to_what_stands_in_it() -> None:
    sums = added_up(middles(labels_of(SCENES)))
    for facts, found in zip(FACTS, sums, strict=True):
        for number, place in enumerate((*PLACES, None)):
            for channel, (kind, colour) in enumerate(CHANNELS):
                if kind in KINDS:
                    there = len(facts.of(kind, colour, place))
                    assert float(found[number, channel]) == pytest.approx(there, abs=1e-4)


def test_each_token_of_a_picture_says_how_many_there_are() -> None:
    sums = added_up(middles(labels_of(SCENES)))
    places, kinds = in_places(sums), of_kinds(sums)
    assert places.shape[1:] == (SUMS, IN_A_PLACE)
    assert kinds.shape[1:] == (len(NAMED), OF_A_KIND)
    first_level = places[:, -1, len(CHANNELS) * LEVELS :][:, : len(NAMED)]
    for facts, found, token in zip(FACTS, first_level, kinds, strict=True):
        for number, kind in enumerate(KINDS):
            assert float(found[number]) == float(facts.count(kind) > 0)
            levels = token[number].unflatten(0, (SUMS, -1))[-1, -MOST_LEVELS:]
            assert float(levels.sum()) == pytest.approx(min(facts.count(kind), MOST_LEVELS))


def test_crowded_pictures_have_more_to_see() -> None:
    crowded = [scene_of(CROWDED, number) for number in range(60)]
    assert np.mean([len(scene.things) for scene in crowded]) > 4.5
    assert (labels_of(crowded).channels >= 0).sum() >= sum(len(one.things) for one in crowded)


def test_what_is_hardly_in_the_picture_hardly_counts() -> None:
    truck = random_thing(Dice(1), "truck")
    scenes = [replace(SCENES[0], things=(replace(truck, x=x),), decoys=()) for x in (400, 0, -150)]
    shares = [visible_share(scene.things[0], scene.things) for scene in scenes]
    found = middles(labels_of(scenes)).sum((1, 2))
    assert shares[0] == 1 and HARDLY_SEEN < shares[1] < SEEN and shares[2] < HARDLY_SEEN
    assert found.tolist() == pytest.approx(
        [1, (shares[1] - HARDLY_SEEN) / (SEEN - HARDLY_SEEN), 0], abs=1e-4
    )


def test_crowded_pictures_have_things_that_are_leaving() -> None:
    counts = labels_of([scene_of(CROWDED, number) for number in range(60)]).counts
    assert ((counts > 0) & (counts < 1)).sum() > 20
    assert not any(
        visible_share(thing, scene.standing) < SEEN - 1e-9
        for scene in SCENES
        for thing in scene.things
    )


@pytest.mark.parametrize("shape", [(3, 40, 64), (2, 64, 24)])
def test_a_step_of_muon_goes_as_far_in_every_direction(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(1)
    steps = orthogonal(torch.randn(shape))
    assert steps.shape == shape
    sizes = torch.linalg.svdvals(steps)
    assert float(sizes.min()) > 0.6 and float(sizes.max()) < 1.3


def test_muon_descends_for_matrices_and_kernels() -> None:
    torch.manual_seed(1)
    weights = [torch.nn.Parameter(torch.randn(shape)) for shape in ((8, 8), (8, 8), (6, 4, 3, 3))]
    before = [float(weight.detach().square().sum()) for weight in weights]
    muon = Muon(weights, 0.05)
    for _ in range(40):
        sum(weight.square().sum() for weight in weights).backward()
        muon.step()
        muon.zero_grad()
    assert all(
        float(weight.detach().square().sum()) < was
        for weight, was in zip(weights, before, strict=True)
    )


def test_every_middle_lies_where_its_kind_covers_the_picture() -> None:
    cover, middle, _ = fine(labels_of(SCENES))
    assert bool((cover[middle > 0] > 0).all())


def test_yes_and_no_are_one_token_each(words: Words) -> None:
    for answer in ("yes", "no", "Yes", "No"):
        assert len(words.ids(answer)) == 1


def test_a_question_sees_the_picture_its_prompt_and_itself_alone(words: Words) -> None:
    batch = batch_of(Random(1), FACTS[:20], words)
    for row, mask in zip(batch.rows, batch.mask, strict=True):
        sees = mask[0] == 0
        for at, part in enumerate(row.part):
            seen = {
                row.part[other]
                for other in range(LENGTH)
                if other < len(row.part) and bool(sees[PREFIX + at, PREFIX + other])
            }
            assert seen <= {part, row.parent[at]}
            assert bool(sees[PREFIX + at, :PREFIX].all())
            assert not bool(sees[PREFIX + at, PREFIX + at + 1 :].any())


def test_what_is_asked_for_is_the_answer_to_its_end(words: Words) -> None:
    batch = batch_of(Random(2), FACTS[:20], words)
    wanted = [target for row in batch.rows for target in row.targets if target != NOT_ASKED]
    assert wanted == batch.targets.tolist()
    assert wanted.count(END) == sum(len(row.pairs) for row in batch.rows)


def test_a_stage_that_was_broken_off_goes_on_where_it_was(tmp_path: Path) -> None:
    def stage(seconds: float) -> tuple[int, float]:
        torch.manual_seed(1)
        model = torch.nn.Linear(4, 4)
        optimizer = Optimizer([model], 0.01, 0.01)
        budget = Budget("stage", seconds, tmp_path / "stage.pt")
        before = restored(budget, {"model": model}, optimizer)[1]
        run(budget, {"model": model}, optimizer, lambda _: model(torch.ones(4)).square().sum(), str)
        return before, model(torch.ones(4)).square().sum().item()

    first, loss = stage(0.1)
    again, lower = stage(0.2)
    assert first == 0 and again > 0
    assert lower <= max(loss, 1e-6)


def test_steps_grow_stay_and_shrink() -> None:
    assert scale_at(0.0, 0) < 0.1
    assert scale_at(0.15, 1000) == 1
    assert scale_at(1.0, 1000) < 0.05

"""The exported model is the trained one: the same pixels give the same logits."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="`make train-demo` installs what training needs")
pytest.importorskip("transformers")

from inference.ov.judge import Runtime  # noqa: E402
from inference.ov.settings import parse  # noqa: E402
from models.demo.train.drawing import scene_of  # noqa: E402
from models.demo.train.export import Sight, export  # noqa: E402
from models.demo.train.facts import facts_of  # noqa: E402
from models.demo.train.language import Reader  # noqa: E402
from models.demo.train.network import Eyes  # noqa: E402
from models.demo.train.sizes import PICTURE, PICTURE_TOKENS  # noqa: E402
from models.demo.train.words import START, Words, learn  # noqa: E402

# Weights are rounded to 11 bits, and the runtime may multiply in bfloat16, of 8 bits.
BOUND = 0.02  # of the largest logit


@pytest.mark.filterwarnings("ignore")  # of tracing
def test_the_exported_model_gives_the_logits_of_the_trained_one(tmp_path: Path) -> None:
    torch.manual_seed(1)
    learn([facts_of(scene_of("tests", number)) for number in range(300)], tmp_path / "words.json")
    words = Words(tmp_path / "words.json")
    eyes, reader = Eyes().eval(), Reader(words).eval()
    torch.nn.init.normal_(reader.projector.features.weight, std=0.05)
    export(eyes, reader, tmp_path / "words.json", tmp_path / "model")
    picture = np.random.default_rng(1).integers(0, 255, (PICTURE[1], PICTURE[0], 3), np.uint8)
    texts = [START, words.line_break, *words.ids("Is there a fire?")]
    assert_same(trained(eyes, reader, picture, texts), exported(tmp_path / "model", picture, texts))


def assert_same(one: object, other: object) -> None:
    one, other = np.asarray(one), np.asarray(other)
    assert np.abs(one - other).max() < BOUND * np.abs(one).max()


@torch.no_grad()
def trained(eyes: Eyes, reader: Reader, picture: object, texts: list[int]) -> object:
    pixels = torch.from_numpy(np.asarray(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
    words = reader.language.words(torch.tensor([texts]))
    rows = torch.cat([words[:, :1], Sight(eyes, reader).eval()(pixels), words[:, 1:]], 1)
    length = rows.shape[1]
    mask = torch.full((length, length), -1e9).triu(1)[None, None]
    return reader.language.logits(
        reader.language(rows, torch.arange(length)[None], mask)[:, -1]
    ).numpy()


def exported(folder: Path, picture: object, texts: list[int]) -> object:
    runtime = Runtime(parse(f"openvino:{folder}"))
    words = runtime.embed(np.array([texts]))[0]
    seen = runtime.see(np.asarray(picture))
    assert len(seen) == PICTURE_TOKENS
    rows = np.concatenate([words[:1], seen, words[1:-1]])
    return runtime.read(rows, [[texts[-1]]])

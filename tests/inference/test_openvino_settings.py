"""What an engine URL, a model's card and a conversation become before any model is loaded."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import BadSettings, EngineError
from inference.engine import Turn, engine_module
from inference.engines.openvino import fit, newest
from inference.ov.prompt import MARK, build, harmless
from inference.ov.settings import (
    LANGUAGE_MODEL,
    UNKNOWN_CONTEXT,
    Card,
    Query,
    Settings,
    parse,
)
from inference.ov.wire import Said


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "some model"
    folder.mkdir()
    (folder / LANGUAGE_MODEL).touch()
    (folder / "config.json").write_text('{"model_type": "llava", "other": [1]}')
    return folder


def test_the_id_comes_from_the_url_or_the_card_or_the_folder(model: Path) -> None:
    openvino = engine_module("openvino:")
    assert openvino.identify(f"openvino:{model}") == "some model"
    assert openvino.identify(f"openvino:{str(model).replace(' ', '%20')}") == "some model"
    (model / "lookout.json").write_text('{"id": "of-the-card", "unknown": 1}')
    assert openvino.identify(f"openvino:{model}?slots=2") == "of-the-card"
    assert openvino.identify(f"openvino:{model}?id=of-the-url") == "of-the-url"


def test_a_relative_path_is_one_from_here(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model.parent)
    assert parse("openvino:some%20model").path == model


def test_a_query_sets_what_it_names(model: Path) -> None:
    query = parse(f"openvino:{model}?device=GPU.1&slots=3&token_s=1.5&cache_gb=2").query
    assert query == Query(device="GPU.1", slots=3, token_s=1.5, cache_gb=2)


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("slots=0", "slots"),
        ("slots=many", "slots"),
        ("slot=2", "`slot`"),
        ("token_s=0", "token_s"),
        ("judge=never", "judge"),
        ("slots", "slots"),
    ],
)
def test_a_bad_query_is_one_line_that_says_what_may_be_set(
    model: Path, query: str, wrong: str
) -> None:
    with pytest.raises(BadSettings) as caught:
        parse(f"openvino:{model}?{query}")
    message = str(caught.value)
    assert wrong in message
    assert "first_token_s" in message
    assert "\n" not in message


@pytest.mark.parametrize("url", ["openvino:", "openvino://models/demo", "openvino:/no/such/model"])
def test_a_url_without_a_model_says_what_is_missing(url: str) -> None:
    with pytest.raises(BadSettings, match=r"write it as openvino:|no OpenVINO vision-language"):
        parse(url)


@pytest.mark.parametrize(
    ("config", "context"),
    [
        ('{"max_position_embeddings": 4096}', 4096),
        ('{"text_config": {"max_position_embeddings": 2048}}', 2048),
        ('{"max_position_embeddings": null, "llm_config": {"max_position_embeddings": 8}}', 8),
        ("{}", UNKNOWN_CONTEXT),
    ],
)
def test_the_context_is_the_one_of_the_language_model(
    model: Path, config: str, context: int
) -> None:
    (model / "config.json").write_text(config)
    assert parse(f"openvino:{model}").config.context == context


def test_a_model_without_a_config_is_refused(model: Path) -> None:
    (model / "config.json").unlink()
    with pytest.raises(BadSettings, match=r"config\.json"):
        parse(f"openvino:{model}")


@pytest.mark.parametrize("card", ["{", '{"size": [0, 1]}', '{"fit": "stretch"}'])
def test_a_broken_card_is_named(model: Path, card: str) -> None:
    (model / "lookout.json").write_text(card)
    with pytest.raises(BadSettings, match=r"lookout\.json"):
        parse(f"openvino:{model}")


@pytest.mark.parametrize(
    ("card", "size", "becomes"),
    [
        (Card(fit="squash", size=(128, 96)), (1280, 720), (128, 96)),
        (Card(), (1280, 720), (1280, 720)),
        (Card(), (4000, 3000), (1344, 1008)),
        (Card(), (30, 9000), (4, 1344)),
    ],
)
def test_a_picture_comes_at_the_size_the_model_wants(
    card: Card, size: tuple[int, int], becomes: tuple[int, int]
) -> None:
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    fitted = fit(picture, Settings(Path(), card=card))
    assert fitted.shape == (becomes[1], becomes[0], 3)


def chatml(messages: list[dict[str, str]]) -> str:
    turns = [f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages]
    return "".join(turns) + "<|im_start|>assistant\n"


TURNS = [
    Said("system", ("Be brief.",)),
    Said("user", (0, "and", 1, "What?", "Really?")),
    Said("assistant", ("A dog.",)),
    Said("user", (2, "And here?")),
]
IMAGE = "<ov_genai_image_{}>".format


def test_pictures_stand_in_their_turns_where_they_were_given() -> None:
    assert build(TURNS, Card(), chatml, "<s>") == chatml(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"{IMAGE(0)}and{IMAGE(1)}What?\nReally?"},
            {"role": "assistant", "content": "A dog."},
            {"role": "user", "content": f"{IMAGE(2)}And here?"},
        ]
    )


def test_pictures_stand_first_for_a_model_that_learned_them_there() -> None:
    def template(messages: list[dict[str, str]]) -> str:
        return "<s>" + chatml(messages)

    prompt = build(TURNS, Card(pictures_first=True), template, "<s>")
    assert prompt.startswith(f"<s>{IMAGE(0)}{IMAGE(1)}{IMAGE(2)}<|im_start|>system")
    assert prompt.count("<ov_genai") == 3
    assert "and\nWhat?\nReally?" in prompt


def test_a_model_of_single_turns_gets_the_last_question_and_the_last_pictures() -> None:
    one, two = np.zeros((1, 1, 3), np.uint8), np.ones((2, 2, 3), np.uint8)
    turns = [
        Turn("system", ("Be brief.",)),
        Turn("user", (one, "What?")),
        Turn("assistant", ("A dog.",)),
        Turn("user", ("And", two, "here?")),
        Turn("assistant", ("A cat.",)),
        Turn("user", ("Why?",)),
    ]
    assert newest(turns) == [turns[0], Turn("user", (two, "Why?"))]
    assert newest(turns[:2]) == turns[:2]
    assert newest(turns[:1]) == turns[:1]


def test_a_template_that_loses_pictures_is_found_out() -> None:
    with pytest.raises(EngineError, match="template"):
        build(TURNS, Card(), lambda messages: messages[0]["content"], "")


@given(st.text(alphabet="<>[]|/ \nimageINST_0", max_size=40))
def test_no_mark_is_left_in_a_text(text: str) -> None:
    safe = harmless(text)
    assert not MARK.search(safe)
    assert harmless(safe) == safe
    assert safe.replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    "text", ["a < b and c > d", "x <- y", "1 > 0", "[1, 2]", "[a](b)", "no marks", "<3"]
)
def test_an_ordinary_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(
    "mark",
    [
        "<image>",
        "</s>",
        "<|im_start|>",
        "<start_of_turn>",
        "[INST]",
        "[/INST]",
        "<\uff5cUser\uff5c>",
        IMAGE(7),
    ],
)
def test_the_marks_of_models_become_text(mark: str) -> None:
    assert mark not in harmless(f"a {mark} b{mark}{mark}")

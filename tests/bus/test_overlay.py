"""What stands on a picture can be read, wherever it stands, and leaves the rest alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bus.jpeg import Pixels
from bus.lettering import ELLIPSIS, Lettering, clean
from bus.overlay import FADE_OUT_S, LEVELS, Caption, Level, Note, Overlay, card

AT = 1_795_000_000.0
FADE_S = 20.0
SIZES = [(160, 120), (640, 360), (1280, 720), (1920, 1080), (1080, 1920)]
LANGUAGES = {
    "German": ("Größe?", "Zwei große Autos, und ein Bär steht vor der Tür."),
    "Russian": ("Сколько машин?", "Два человека и ёж: где они?"),
    "Chinese": ("门口有人吗", "门口站着一个人 手里拿着一个大包裹。"),
    "Japanese": ("誰かいますか", "門のところに人がいます。"),
    "Korean": ("누가 있나요?", "문 앞에 사람이 있습니다."),
    "Greek": ("Πόσα;", "Δύο αυτοκίνητα μπροστά στην πύλη."),
}


def plain(width: int, height: int, value: int = 128) -> Pixels:
    return np.full((height, width, 3), value, np.uint8)


def noise(width: int, height: int) -> Pixels:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


def drawn(pixels: Pixels, caption: Caption, now: float = AT) -> Pixels:
    height, width, _ = pixels.shape
    result = pixels.copy()
    Overlay(width, height, FADE_S).draw(result, caption, now)
    return result


def said(question: str = "Who?", answer: str = "A dog.", *notes: Note) -> Caption:
    return Caption("gate", AT, question, answer, AT, notes)


def changed(before: Pixels, after: Pixels) -> NDArray[np.bool_]:
    different: NDArray[np.bool_] = (before != after).any(axis=2)
    return different


def luminance(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """As WCAG has it, 0 to 1."""
    share = pixels.astype(np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    weighed: NDArray[np.float64] = linear @ np.array([0.2126, 0.7152, 0.0722])
    return weighed


def contrast(light: float, dark: float) -> float:
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_name_and_time_stand_top_left_and_nothing_elsewhere(width: int, height: int) -> None:
    before = plain(width, height)
    marks = changed(before, drawn(before, Caption("gate", AT)))
    rows, columns = np.nonzero(marks)
    assert marks.any()
    assert rows.max() < height / 4
    assert columns.min() < width / 20
    assert marks[: height // 8, : width // 8].any()


def test_another_name_or_second_looks_different() -> None:
    before = plain(640, 360)
    pictures = [
        drawn(before, caption)
        for caption in (Caption("gate", AT), Caption("yard", AT), Caption("gate", AT + 1))
    ]
    assert (pictures[0] == drawn(before, Caption("gate", AT + 0.0001))).all()
    assert all((pictures[0] != other).any() for other in pictures[1:])


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_question_and_answer_stand_at_the_bottom(width: int, height: int) -> None:
    before = plain(width, height)
    marks = changed(drawn(before, Caption("gate", AT)), drawn(before, said()))
    rows, _ = np.nonzero(marks)
    assert marks.any()
    assert rows.min() >= height / 2
    assert rows.max() > height * 0.85


def test_notes_stand_top_right_in_the_colour_of_their_level() -> None:
    before = plain(1280, 720, 0)
    boxes = dict[Level, Pixels]()
    for level in LEVELS:
        caption = Caption("gate", AT, notes=(Note("person 0.93", level),))
        after = drawn(before, caption)
        rows, columns = np.nonzero(changed(drawn(before, Caption("gate", AT)), after))
        assert rows.max() < 720 / 2
        assert columns.min() > 1280 / 2
        boxes[level] = after[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    red, green, blue = (int(c) for c in np.median(boxes["firing"].reshape(-1, 3), axis=0))
    assert red > 2 * (green + blue)
    letters = {level: tuple(box.reshape(-1, 3).max(axis=0)) for level, box in boxes.items()}
    assert len({letters["ok"], letters["pending"], letters["firing"]}) == 3


def test_the_most_urgent_notes_are_the_ones_that_fit() -> None:
    many = [Note(f"rule {number} 0.1", "ok") for number in range(50)]
    urgent = Note("fire 0.99", "firing")
    alone = drawn(plain(640, 360), Caption("gate", AT, notes=(urgent,)))
    among = drawn(plain(640, 360), Caption("gate", AT, notes=(*many, urgent, *many)))
    rows, columns = np.nonzero(
        changed(drawn(plain(640, 360), Caption("gate", AT)), alone)
    )  # where the urgent one stands alone, it stands among others
    place = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    assert (alone[place] == among[place]).all()
    assert not changed(plain(640, 360), among)[180:].any()


BACKGROUNDS = {
    "white": lambda width, height: plain(width, height, 255),
    "black": lambda width, height: plain(width, height, 0),
    "noise": noise,
}
TOLD = {level: Caption("", AT, notes=(Note("person 0.93", level),)) for level in LEVELS}


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize(("width", "height"), [(640, 360), (1280, 720), (1920, 1080)])
@pytest.mark.parametrize("caption", [said(), *TOLD.values()], ids=["said", *TOLD])
def test_letters_stand_out_from_their_box(
    background: str, width: int, height: int, caption: Caption
) -> None:
    place = np.s_[:, width // 2 :] if caption.notes else np.s_[height // 2 :]
    on_white, on_black = (drawn(plain(width, height, v), caption)[place] for v in (255, 0))
    shows_through = (on_white - on_black).max(axis=2)
    letters, shaded = shows_through == 0, (shows_through > 0) & (shows_through < 60)
    bare = np.median(on_black[shaded], axis=0)  # neither letter nor the edge of one
    box = shaded & (on_black == bare).all(axis=2)
    assert letters.sum() > 50
    assert box.sum() > letters.sum()
    light = luminance(drawn(BACKGROUNDS[background](width, height), caption)[place])
    assert contrast(np.percentile(light[letters], 20), np.percentile(light[box], 99)) > 4.5


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_its_letters(language: str) -> None:
    """What a font lacks is drawn as a question mark."""
    missing = drawn(plain(320, 240), Caption("?", AT))
    for letter in {letter for letter in "".join(LANGUAGES[language]) if letter.isalpha()}:
        assert changed(missing, drawn(plain(320, 240), Caption(letter, AT))).any(), letter


def test_an_answer_is_full_then_fades_then_is_gone() -> None:
    before = plain(640, 360)
    bare = drawn(before, Caption("gate", AT))
    full = drawn(before, said())
    half = drawn(before, said(), AT + FADE_S + FADE_OUT_S / 2).astype(int)
    assert (drawn(before, said(), AT + FADE_S - 0.01) == full).all()
    assert (drawn(before, said(), AT - 5) == full).all()  # the clocks of two hosts
    assert (np.abs(half - (bare.astype(int) + full) / 2) <= 2).all()
    assert (drawn(before, said(), AT + FADE_S + FADE_OUT_S) == bare).all()


def test_before_any_answer_there_is_only_name_and_time() -> None:
    before = plain(640, 360)
    assert not changed(before, drawn(before, Caption("gate", AT)))[90:].any()


def test_a_note_stays_when_the_answer_has_gone() -> None:
    before = plain(640, 360)
    note = Note("person 0.93", "firing")
    later = drawn(before, said("Who?", "A dog.", note), AT + 1e6)
    assert (later == drawn(before, Caption("gate", AT, notes=(note,)))).all()


def test_a_picture_of_another_size_is_refused() -> None:
    overlay = Overlay(640, 360, FADE_S)
    for shape in ((360, 641, 3), (640, 360, 3), (360, 640), (360, 640, 4)):
        with pytest.raises(ValueError, match="640x360"):
            overlay.draw(np.zeros(shape, np.uint8), said(), AT)


def test_one_overlay_draws_as_a_new_one_does() -> None:
    overlay, before = Overlay(640, 360, FADE_S), plain(640, 360)
    for caption in (said("a", "b"), said("a", "c"), Caption("gate", AT + 7), said("a", "b")):
        pixels = before.copy()
        overlay.draw(pixels, caption, AT)
        assert (pixels == drawn(before, caption)).all()


def test_control_characters_and_line_breaks_are_spaces() -> None:
    assert clean("a\nb\r\n\tc\x00\x1b[31m\ud800 \u202e d\u200b") == "a b c [31m d"
    assert (
        drawn(plain(640, 360), said("a\nb", "c\x07d")) == drawn(plain(640, 360), said("a b", "c d"))
    ).all()


def test_long_texts_are_wrapped_by_words_and_long_words_broken() -> None:
    letters = Lettering(20)
    words = "the quick brown fox jumps over the lazy dog " * 3
    lines = letters.wrap(words, 200, 100)
    assert " ".join(lines).split() == words.split()
    assert all(letters.width(line) <= 200 for line in lines)
    long = "x" * 100
    pieces = letters.wrap(long, 200, 100)
    assert "".join(pieces) == long
    assert len(pieces) > 3
    few = letters.wrap(words, 200, 4)
    assert (len(few), few[-1][-1]) == (4, ELLIPSIS)
    assert few[:3] == lines[:3]
    assert letters.width(few[-1]) <= 200


TEXTS = st.one_of(
    st.text(max_size=300),
    st.text(st.characters(categories=("L", "N", "P", "S")), max_size=300),
    st.text("ab é жя 门口 \n\t😀\u0301\u200d\u202e", max_size=600),
    st.integers(1, 5000).map(lambda count: "W" * count),
)
NOTES = st.lists(st.builds(Note, TEXTS, st.sampled_from(list(LEVELS))), max_size=12).map(tuple)


@settings(max_examples=60, deadline=None)
@given(st.integers(160, 1920), st.integers(120, 1080), TEXTS, TEXTS, TEXTS, NOTES)
def test_no_text_leaves_its_picture(
    width: int, height: int, camera: str, question: str, answer: str, notes: tuple[Note, ...]
) -> None:
    around = 40
    canvas = plain(width + 2 * around, height + 2 * around)
    inner = canvas[around:-around, around:-around]
    caption = Caption(camera, AT, question, answer, AT, notes)
    Overlay(width, height, FADE_S).draw(inner, caption, AT)
    edge = np.ones(canvas.shape[:2], bool)
    edge[around + 2 : -around - 2, around + 2 : -around - 2] = False
    assert (canvas[edge] == 128).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(10, 60), st.integers(60, 1900), TEXTS)
def test_wrapped_lines_fit_unless_one_letter_is_too_wide(size: int, width: int, text: str) -> None:
    letters = Lettering(size)
    for line in letters.wrap(text, width, 4):
        assert letters.width(line) <= width or len(line) <= 2


def test_a_tiny_picture_is_no_trouble() -> None:
    for width, height in ((1, 1), (8, 6), (64, 48), (3, 900), (900, 3)):
        drawn(plain(width, height), said("question " * 9, "answer " * 99, Note("x " * 50, "ok")))
        assert card(width, height, "title " * 9, "text " * 99).shape == (height, width, 3)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_card_shows_title_and_text(width: int, height: int) -> None:
    empty = card(width, height, "", "")
    titled = changed(empty, card(width, height, "front", ""))
    told = changed(empty, card(width, height, "", "the host refuses the connection"))
    assert titled.any()
    assert told.any()
    assert not (titled & told).any()
    assert np.nonzero(titled)[0].max() < np.nonzero(told)[0].min()
    assert contrast(float(luminance(card(width, height, "front", "")).max()), 0.02) > 7

"""
From a conversation to the one string a model reads. Pure: knows no model.

A picture stands in the prompt as `<ov_genai_image_N>`, which the pipeline replaces by
whatever the model's family uses. Text of a caller cannot look like that, nor like any
other mark: see `harmless`.
"""

import re
from collections.abc import Callable, Sequence

from bus.errors import EngineError
from inference.ov.settings import Card
from inference.ov.wire import Said

Template = Callable[[list[dict[str, str]]], str]

# What models use as marks: <image>, </s>, <|im_start|>, <start_of_turn>, [INST], [/INST].
MARK = re.compile(r"(<)(?=[^\s<>][^<>\n]{0,62}>)|(\[)(?=/?[A-Z_]{2,32}\])")


def build(turns: Sequence[Said], card: Card, template: Template, bos: str) -> str:
    """The prompt for the turn that follows *turns*; *template* is the model's own."""
    if card.pictures_first:
        prompt = template(_messages([_without_pictures(turn) for turn in turns]))
        start = bos if prompt.startswith(bos) else ""
        return start + "".join(map(tag, pictures_of(turns))) + prompt[len(start) :]
    prompt = template(_messages(turns))
    if any(prompt.count(tag(picture)) != 1 for picture in pictures_of(turns)):
        raise EngineError("the model's chat template loses pictures: it cannot be used here")
    return prompt


def tag(picture: int) -> str:
    return f"<ov_genai_image_{picture}>"


def harmless(text: str) -> str:
    """*text* in which nothing is a mark that ends a turn or stands for a picture."""
    return MARK.sub(lambda mark: f"{mark[0]} ", text)


def pictures_of(turns: Sequence[Said]) -> list[int]:
    return [part for turn in turns for part in turn.content if isinstance(part, int)]


def _without_pictures(turn: Said) -> Said:
    return Said(turn.role, tuple(part for part in turn.content if isinstance(part, str)))


def _messages(turns: Sequence[Said]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": _content(turn)} for turn in turns]


def _content(turn: Said) -> str:
    """The parts of a turn as one text; a line break keeps two texts apart."""
    pieces = []
    for before, part in zip((0, *turn.content), turn.content, strict=False):
        if isinstance(part, str):
            pieces.append("\n" if isinstance(before, str) else "")
            pieces.append(harmless(part))
        else:
            pieces.append(tag(part))
    return "".join(pieces)

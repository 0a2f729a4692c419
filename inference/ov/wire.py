"""
What the engine and its child say to each other.

One message is one multipart message: a msgpack struct, then the pixels of its pictures,
each as raw bytes. Pure: knows no socket, and OpenVINO neither.
"""

from collections.abc import Sequence
from typing import Literal, TypeVar

import msgspec
import numpy as np

from bus.messages import Delta, Failed, Finished, Judged, Sampling
from inference.engine import Pixels, Turn

Size = tuple[int, int]  # height, width
Part = bytes | memoryview


class Said(msgspec.Struct, frozen=True):
    """A turn in which a number stands for the picture of that index."""

    role: Literal["system", "user", "assistant"]
    content: tuple[str | int, ...]


class Generate(msgspec.Struct, frozen=True, tag=True):
    id: int
    turns: tuple[Said, ...]
    sampling: Sampling
    sizes: tuple[Size, ...] = ()


class Judge(msgspec.Struct, frozen=True, tag=True):
    id: int
    questions: tuple[str, ...]
    sizes: tuple[Size, ...] = ()


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Nobody waits for request *id* any more; it is answered with `Gone`."""

    id: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The model is loaded. The first message of a child."""

    context: int  # tokens


class Gone(msgspec.Struct, frozen=True, tag=True):
    """The last event of a request that was cancelled: what it held is free."""


Outcome = Delta | Finished | Judged | Failed | Gone
LAST = (Finished, Judged, Failed, Gone)


class Event(msgspec.Struct, frozen=True):
    id: int
    what: Outcome


class Progress(msgspec.Struct, frozen=True, tag=True):
    """All that one step brought; also sent when that is nothing, as a sign of life."""

    events: tuple[Event, ...]


Command = Generate | Judge | Cancel
Report = Ready | Progress

_encoder = msgspec.msgpack.Encoder()
_command = msgspec.msgpack.Decoder(Command)
_report = msgspec.msgpack.Decoder(Report)


def encode(message: Command | Report, pictures: Sequence[Pixels] = ()) -> list[Part]:
    return [_encoder.encode(message), *(memoryview(picture).cast("B") for picture in pictures)]


def decode_command(parts: Sequence[Part]) -> tuple[Command, list[Pixels]]:
    command = _command.decode(parts[0])
    sizes = () if isinstance(command, Cancel) else command.sizes
    pixels = zip(parts[1:], sizes, strict=True)
    return command, [np.frombuffer(p, np.uint8).reshape(*size, 3) for p, size in pixels]


def decode_report(part: Part) -> Report:
    return _report.decode(part)


def split(turns: Sequence[Turn]) -> tuple[tuple[Said, ...], list[Pixels]]:
    """*turns* with their pictures taken out."""
    pictures: list[Pixels] = []
    said = []
    for turn in turns:
        content: list[str | int] = []
        for part in turn.content:
            if isinstance(part, str):
                content.append(part)
            else:
                content.append(len(pictures))
                pictures.append(part)
        said.append(Said(turn.role, tuple(content)))
    return tuple(said), pictures

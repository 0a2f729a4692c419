"""
What the engine and its child say to each other.

One message is one multipart message: a msgpack struct, then the pixels of its pictures,
each as raw bytes. Pure: knows no socket, and OpenVINO neither.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from bus.messages import Delta, Failed, Finished, Judged, Sampling
from inference.engine import Pixels, Turn

Size = tuple[int, int]  # height, width
Part = bytes | memoryview


class Said(msgspec.Struct, frozen=True):
    """A turn in which a number stands for the picture of that index."""

    role: Literal["system", "user", "assistant", "tool"]
    content: tuple[str | int, ...]


class Generate(msgspec.Struct, frozen=True, tag=True):
    turns: tuple[Said, ...]
    sampling: Sampling


class Judge(msgspec.Struct, frozen=True, tag=True):
    questions: tuple[str, ...]


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Nobody waits for the request any more; it is answered with `Gone`."""


Command = Generate | Judge | Cancel


class Request(msgspec.Struct, frozen=True):
    id: int
    command: Command
    sizes: tuple[Size, ...] = ()  # of the pictures that follow


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The model is loaded. The first message of a child."""


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


Report = Ready | Progress

_encoder = msgspec.msgpack.Encoder()
_request = msgspec.msgpack.Decoder(Request)
_report = msgspec.msgpack.Decoder(Report)


def encode_request(number: int, command: Command, pictures: Sequence[Pixels] = ()) -> list[Part]:
    sizes = tuple((picture.shape[0], picture.shape[1]) for picture in pictures)
    request = _encoder.encode(Request(number, command, sizes))
    return [request, *(np.ascontiguousarray(picture).data for picture in pictures)]


def decode_request(parts: Sequence[Part]) -> tuple[Request, list[Pixels]]:
    request = _request.decode(parts[0])
    pixels = zip(parts[1:], request.sizes, strict=True)
    return request, [np.frombuffer(p, np.uint8).reshape(*size, 3) for p, size in pixels]


def encode_report(report: Report) -> bytes:
    return _encoder.encode(report)


def decode_report(part: Part) -> Report:
    report: Report = _report.decode(part)
    return report


def split(turns: Sequence[Turn]) -> tuple[tuple[Said, ...], list[Pixels]]:
    """*turns* with their pictures taken out."""
    pictures: list[Pixels] = []

    def said(part: str | Pixels) -> str | int:
        if isinstance(part, str):
            return part
        pictures.append(part)
        return len(pictures) - 1

    turned = tuple(Said(turn.role, tuple(map(said, turn.content))) for turn in turns)
    return turned, pictures

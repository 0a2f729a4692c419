"""What the program that fetches a model tells of it, a line of JSON each. Pure."""

import msgspec

from bus.messages import Failed


class Begun(msgspec.Struct, frozen=True, tag=True):
    """It is known what is to be fetched."""

    commit: str
    files: int
    size: int  # bytes of all files
    present: int  # bytes of these that are here already


class Progress(msgspec.Struct, frozen=True, tag=True):
    present: int  # bytes


class Waiting(msgspec.Struct, frozen=True, tag=True):
    """Another process fetches the same model."""


class Fetched(msgspec.Struct, frozen=True, tag=True):
    folder: str


Said = Begun | Progress | Waiting | Fetched | Failed

_decoder = msgspec.json.Decoder(Said)


def encode(said: Said) -> bytes:
    return msgspec.json.encode(said) + b"\n"


def decode(line: bytes) -> Said:
    said: Said = _decoder.decode(line)
    return said

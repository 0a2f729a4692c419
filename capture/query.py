"""What the query of a camera's URL asks for, field by field; what is wrong names the field."""

import re
from collections.abc import Collection, Mapping
from typing import TypeVar
from urllib.parse import parse_qsl

from bus.errors import CameraError

T = TypeVar("T")
Size = tuple[int, int]  # width, height
LARGEST = 7680 * 4320  # pixels


class Asked:
    """Raise `CameraError` for a field that is not *known*, and for a value that cannot be met."""

    def __init__(self, query: str, known: Collection[str]) -> None:
        self._fields = dict(parse_qsl(query, keep_blank_values=True))
        if strange := [name for name in self._fields if name not in known]:
            raise CameraError(f"there is no field {strange[0]!r}: use {', '.join(known)}")

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def __bool__(self) -> bool:
        return bool(self._fields)

    def size(self, default: Size) -> Size:
        if "size" not in self:
            return default
        match = re.fullmatch(r"([0-9]{2,5})x([0-9]{2,5})", self._fields["size"])
        if not match:
            raise CameraError("size: write width x height, such as 1280x720")
        width, height = int(match[1]), int(match[2])
        if width * height > LARGEST:
            raise CameraError("size: 7680x4320 is the largest")
        return width, height

    def number(self, name: str, default: float, least: float, most: float) -> float:
        text = self._fields.get(name, f"{default:g}")
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not least <= float(text) <= most:
            raise CameraError(f"{name}: use a number from {least:g} to {most:g}")
        return float(text)

    def choice(self, name: str, choices: Mapping[str, T], default: str) -> T:
        text = self._fields.get(name, default)
        if text not in choices:
            raise CameraError(f"{name}: choose one of {', '.join(choices)}")
        return choices[text]

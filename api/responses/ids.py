"""The ids of responses and of their items: an item's id tells which response it came with."""

import re
from typing import Literal

Kind = Literal["msg", "fc", "fco"]

PREFIX = "resp_"  # of a response, and of its job in the logs

_RESPONSE = re.compile(PREFIX + "[0-9a-f]{32}")
_ITEM = re.compile(r"(?:msg|fc|fco)_([0-9a-f]{32})[0-9a-f]{4}")


def item_id(kind: Kind, response: str, number: int) -> str:
    return f"{kind}_{response.removeprefix(PREFIX)}{number:04x}"


def is_response(text: str) -> bool:
    return bool(_RESPONSE.fullmatch(text))


def home_of(item: str) -> str | None:
    """The response that an item came with; None where the id is not of ours."""
    match = _ITEM.fullmatch(item)
    return f"{PREFIX}{match[1]}" if match else None

"""The items that a response was told, page by page. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from api.sampling import bad
from bus.log import mask

Order = Literal["asc", "desc"]


def page(items: Sequence[Mapping[str, Any]], order: Order, after: str, limit: int) -> object:
    """At most *limit* of them after the one with the id *after*; `desc`: the newest first."""
    ordered = list(items) if order == "asc" else list(reversed(items))
    start = _place_after(ordered, after)
    found = [_shown(item) for item in ordered[start : start + limit]]
    return {
        "object": "list",
        "data": found,
        "first_id": found[0]["id"] if found else None,
        "last_id": found[-1]["id"] if found else None,
        "has_more": start + limit < len(ordered),
    }


def _place_after(items: Sequence[Mapping[str, Any]], after: str) -> int:
    if not after:
        return 0
    for place, item in enumerate(items):
        if item["id"] == after:
            return place + 1
    raise bad("after", f"there is no item {after[:80]!r} here")


def _shown(item: Mapping[str, Any]) -> dict[str, Any]:
    """Without the passwords of cameras."""
    name = "output" if "output" in item else "content"
    parts = item.get(name)
    if not isinstance(parts, list):
        return dict(item)
    return {**item, name: [_masked(part) for part in parts]}


def _masked(part: Mapping[str, Any]) -> Mapping[str, Any]:
    if part["type"] == "input_image":
        return {**part, "image_url": mask(part["image_url"])}
    if part["type"] == "stream":
        return {
            **part,
            "stream": {**part["stream"], "stream_id": mask(part["stream"]["stream_id"])},
        }
    return part

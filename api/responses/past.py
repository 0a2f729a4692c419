"""What was said before a request: looked up, for who may read it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from api.errors import UnknownItem, UnknownPrevious
from api.responses.conversation import KEPT, Told, kept_pictures, parse
from api.responses.ids import home_of
from api.responses.items import MessageItem, ReasoningItem, ReferenceItem
from api.responses.schemas import ResponseRequest
from api.responses.store import MOST_DOCUMENT, Kept, Store
from api.sampling import bad

PREVIOUS = "previous_response_id"
MOST_HOMES = 64  # responses whose items one request may refer to


@dataclass
class Past:
    """Everything that the model is told, in order."""

    store: Store
    owner: str
    told: list[Told] = field(default_factory=list)
    pictures: dict[str, str] = field(default_factory=dict)  # data URLs of what was kept
    _home: str = ""  # the response that was opened last
    _kept: Kept | None = None
    _homes: int = 0  # how many were opened
    _room: int = MOST_DOCUMENT  # bytes that references may still bring

    async def read(self, request: ResponseRequest) -> None:
        if request.previous_response_id:
            await self._go_on(request.previous_response_id)
        if isinstance(request.input, str):
            self.told.append(Told(MessageItem(role="user", content=request.input), "input"))
            return
        for number, item in enumerate(request.input):
            place = f"input[{number}]"
            if isinstance(item, ReferenceItem):
                await self._refer(item.id, place)
            elif not isinstance(item, ReasoningItem):
                self.told.append(Told(item, place))

    async def _go_on(self, response: str) -> None:
        kept = await self.store.get(response, self.owner)
        if kept is None:
            raise UnknownPrevious(f"there is no response {response[:80]!r}", param=PREVIOUS)
        await self._tell(response, parse(_items(kept), PREVIOUS), PREVIOUS)

    async def _refer(self, item_id: str, place: str) -> None:
        home = home_of(item_id) or ""
        kept = await self._open(home, place)
        found = [item for item in _items(kept) if item["id"] == item_id] if kept else []
        if not found:
            raise UnknownItem(f"{place}.id: there is no item {item_id[:80]!r}", param=f"{place}.id")
        if any(one.item.id == item_id for one in self.told):
            raise bad(f"{place}.id", "this item is told already")
        self._room -= len(msgspec.json.encode(found[0]))
        if self._room < 0:
            raise bad(f"{place}.id", "the items are too long together")
        (told,) = parse(found, place)
        await self._tell(home, [Told(told.item, place)], f"{place}.id")

    async def _open(self, response: str, place: str) -> Kept | None:
        """*response*; it stays at hand, for items of one mostly follow each other."""
        if self._home != response:
            self._homes += 1
            if self._homes > MOST_HOMES:
                raise bad(f"{place}.id", f"refer to items of at most {MOST_HOMES} responses")
            self._home, self._kept = response, await self.store.get(response, self.owner)
        return self._kept

    async def _tell(self, response: str, told: Sequence[Told], param: str) -> None:
        wanted = kept_pictures(told)
        found = await self.store.pictures(response, wanted)
        if wanted - set(found):
            raise bad(param, "a picture of the conversation is not kept: send it again")
        self.pictures |= {KEPT + digest: url for digest, url in found.items()}
        self.told += told


def _items(kept: Kept) -> list[dict[str, Any]]:
    return [*kept.items, *kept.response["output"]]

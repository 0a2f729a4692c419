"""
From items to the messages of a chat, and back to items that can be kept.

Pure. A kept picture is named by its digest; a camera by its URL, as the client wrote it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from api.responses.ids import Kind, item_id
from api.responses.items import (
    CallItem,
    CallOutputItem,
    InputImage,
    InputText,
    Item,
    MessageItem,
    OutputText,
    Part,
    Refusal,
    SaidItem,
)
from api.sampling import bad
from api.schemas import (
    MAX_CALLS,
    Call,
    CalledFunction,
    ImagePart,
    ImageUrl,
    Message,
    StreamPart,
    TextPart,
)
from api.schemas import Part as ChatPart
from bus import messages as wire

KEPT = "sha256:"  # before the digest of a picture that is kept
KINDS: Mapping[str, Kind] = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
}

_items: TypeAdapter[list[Item]] = TypeAdapter(list[Item])


@dataclass(frozen=True)
class Told:
    """An item that the model is told, and where it stands in the request."""

    item: SaidItem
    place: str


@dataclass
class Draft:
    """A message to be; of each of its parts which item it comes from, and which part of it."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    place: str  # in the request
    call_id: str | None = None
    parts: list[ChatPart] = field(default_factory=list)
    sources: list[tuple[int, int]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def message(self) -> Message:
        return Message(
            role=self.role,
            refusal=None,
            content=self.parts or None,
            tool_calls=self.calls or None,
            tool_call_id=self.call_id,
        )


def parse(items: Sequence[Mapping[str, Any]], place: str) -> list[Told]:
    """
    What was kept, as it is told again; each has a place of its own below *place*.

    Raise `BadJob`: a model may have said more than anyone may tell it.
    """
    try:
        found = _items.validate_python(items)
    except ValidationError as error:
        raise bad(place, "it has an item that is too long to be told again") from error
    return [
        Told(item, f"{place}[{number}]")
        for number, item in enumerate(found)
        if isinstance(item, SaidItem)
    ]


def parts_of(item: SaidItem) -> list[Part]:
    if isinstance(item, CallItem):
        return []
    content = item.content if isinstance(item, MessageItem) else item.output
    return [_words(item, content)] if isinstance(content, str) else content


def _words(item: SaidItem, text: str) -> Part:
    if isinstance(item, MessageItem) and item.role == "assistant":
        return OutputText(type="output_text", text=text)
    return InputText(type="input_text", text=text)


def drafts_of(
    instructions: str | None, told: Sequence[Told], pictures: Mapping[str, str]
) -> list[Draft]:
    """
    The messages of a chat. *pictures* has the data URLs of those that were kept.

    What the assistant says and the calls that follow are one message.
    """
    drafts = [_said_first(instructions)] if instructions else []
    asked = set[str]()
    for number, one in enumerate(told):
        if isinstance(one.item, CallItem):
            asked.add(one.item.call_id)
            if not drafts or drafts[-1].role != "assistant":
                drafts.append(Draft("assistant", one.place))
            if len(drafts[-1].calls) >= MAX_CALLS:
                raise bad(one.place, f"at most {MAX_CALLS} calls stand one after the other")
            drafts[-1].calls.append(_call(one.item))
        elif isinstance(one.item, MessageItem):
            drafts.append(
                _filled(Draft(one.item.role, f"{one.place}.content"), one, number, pictures)
            )
        else:
            _check_asked(one.item.call_id, asked, one.place)
            draft = Draft("tool", f"{one.place}.output", one.item.call_id)
            drafts.append(_filled(draft, one, number, pictures))
    return drafts


def _said_first(instructions: str) -> Draft:
    part = TextPart(type="text", text=instructions)
    return Draft("system", "input", parts=[part], sources=[(-1, 0)])


def _call(item: CallItem) -> Call:
    function = CalledFunction(name=item.name, arguments=item.arguments)
    return Call(id=item.call_id, type="function", function=function)


def _check_asked(call_id: str, asked: set[str], place: str) -> None:
    if call_id not in asked:
        raise bad(f"{place}.call_id", "no function_call before it has this id")


def _filled(draft: Draft, told: Told, number: int, pictures: Mapping[str, str]) -> Draft:
    parts = parts_of(told.item) or [InputText(type="input_text", text="")]
    draft.parts = [_part(part, pictures) for part in parts]
    draft.sources = [(number, index) for index in range(len(parts))]
    return draft


def _part(part: Part, pictures: Mapping[str, str]) -> ChatPart:
    if isinstance(part, StreamPart):
        return part
    if isinstance(part, InputImage):
        url = pictures.get(part.image_url, part.image_url)
        detail = part.detail or "auto"
        return ImagePart(type="image_url", image_url=ImageUrl(url=url, detail=detail))
    return TextPart(type="text", text=part.refusal if isinstance(part, Refusal) else part.text)


def kept_pictures(told: Iterable[Told]) -> set[str]:
    """The digests of pictures that must be looked up before they can be told again."""
    return {
        part.image_url.removeprefix(KEPT)
        for one in told
        for part in parts_of(one.item)
        if isinstance(part, InputImage) and part.image_url.startswith(KEPT)
    }


def digests_of(drafts: Sequence[Draft], chat: wire.Chat) -> dict[tuple[int, int], str]:
    """Which picture each part of an item has become."""
    return {
        source: part.digest
        for draft, message in zip(drafts, chat.messages, strict=True)
        for source, part in zip(draft.sources, message.parts, strict=True)
        if isinstance(part, wire.StoredPicture)
    }


def keepable(
    told: Sequence[Told], digests: Mapping[tuple[int, int], str], response: str
) -> list[dict[str, Any]]:
    """Items as they are kept and listed: each with its id, pictures by their digest."""
    kept = list[dict[str, Any]]()
    for number, one in enumerate(told):
        item = one.item
        parts = [
            _keepable(part, digests.get((number, index)))
            for index, part in enumerate(parts_of(item))
        ]
        fields = {
            "id": item.id or item_id(KINDS[item.type], response, number),
            "type": item.type,
            "status": "completed",
        }
        match item:
            case MessageItem():
                kept.append({**fields, "role": item.role, "content": parts})
            case CallItem():
                call = {"call_id": item.call_id, "name": item.name, "arguments": item.arguments}
                kept.append({**fields, **call})
            case CallOutputItem():
                output = item.output if isinstance(item.output, str) else parts
                kept.append({**fields, "call_id": item.call_id, "output": output})
    return kept


def _keepable(part: Part, digest: str | None) -> dict[str, Any]:
    """Nothing of what is ignored: it may be anything."""
    match part:
        case InputImage():
            url = KEPT + digest if digest else part.image_url
            return {"type": part.type, "detail": part.detail or "auto", "image_url": url}
        case StreamPart():
            return part.model_dump(exclude_none=True)
        case OutputText():
            return {"type": part.type, "text": part.text, "annotations": []}
        case Refusal():
            return {"type": part.type, "refusal": part.refusal}
    return {"type": part.type, "text": part.text}

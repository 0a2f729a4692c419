"""A conversation as the client has it becomes one that workers read: pictures are looked up."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from api.image_urls import ImageUrls, RequestImages
from api.schemas import Call, ImagePart, Message, RefusalPart, StreamPart, TextPart
from bus import messages as wire
from bus.errors import BadJob
from bus.tasks import together

LOW_SIDE = 512  # pixels of a picture's longer side, where the client asks for little detail

Picture = wire.StoredPicture | wire.CameraFrames
Place = Callable[[int, int | None], str]  # of message i, or of its part j, in the request


async def read(
    messages: Sequence[Message], images: ImageUrls, most: int, place: Place
) -> tuple[wire.Message, ...]:
    """Pictures of all messages, *most* of them, are resolved side by side: one's time is all's."""
    parts = {
        f"{place(i, j)}.{part.type}": part
        for i, message in enumerate(messages)
        if isinstance(message.content, list)
        for j, part in enumerate(message.content)
        if isinstance(part, ImagePart | StreamPart)
    }
    if len(parts) > most:
        param = place(0, None).partition("[")[0]
        raise BadJob(f"{len(parts)} pictures in one request: at most {most}", param=param)
    ours = images.of_one_request()
    pictures = await together(_resolve(ours, part, param) for param, part in parts.items())
    found = iter(pictures)  # in the order of the parts
    return tuple(
        wire.Message(
            "system" if message.role == "developer" else message.role,
            _parts(message, found),
            tuple(map(_call, message.tool_calls)) if message.tool_calls else (),
            message.tool_call_id or "",
        )
        for message in messages
    )


def _parts(message: Message, found: Iterator[Picture]) -> tuple[wire.Part, ...]:
    """What a message says; a refusal stands for an answer that never came."""
    content = message.content
    if isinstance(content, str):
        return (wire.Text(content),)
    if content is None:
        return (wire.Text(message.refusal),) if message.refusal else ()
    return tuple(_text(part) or next(found) for part in content)


def _text(part: TextPart | RefusalPart | ImagePart | StreamPart) -> wire.Text | None:
    match part:
        case TextPart():
            return wire.Text(part.text)
        case RefusalPart():
            return wire.Text(part.refusal)
    return None


def _call(call: Call) -> wire.ToolCall:
    return wire.ToolCall(call.id, call.function.name, call.function.arguments)


async def _resolve(images: RequestImages, part: ImagePart | StreamPart, param: str) -> Picture:
    if isinstance(part, StreamPart):
        return await images.stream(part.stream, param)
    picture = await images.resolve(part.image_url.url, param)
    if part.image_url.detail == "low":
        return msgspec.structs.replace(picture, max_side=LOW_SIDE)
    return picture

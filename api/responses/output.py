"""
What the model says, as items and as the events that tell how they grow.

Pure. An item is opened with its first piece; all of them are closed at the end, in order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from api.responses.ids import Kind, item_id
from api.responses.shapes import Body, Status, call, logprobs, message, text_part
from bus.messages import CallDelta, Delta, TokenScore


@dataclass
class _Text:
    id: str
    index: int  # in the output
    text: list[str] = field(default_factory=list)
    scores: list[TokenScore] = field(default_factory=list)

    def item(self, status: Status) -> Body:
        return message(self.id, status, [self.part()])

    def part(self) -> Body:
        return text_part("".join(self.text), self.scores)

    @property
    def place(self) -> Body:
        return {"item_id": self.id, "output_index": self.index, "content_index": 0}

    def opened(self) -> Iterator[Body]:
        item = message(self.id, "in_progress", [])
        yield _event("output_item.added", output_index=self.index, item=item)
        yield _event("content_part.added", **self.place, part=text_part("", ()))

    def closed(self, status: Status) -> Iterator[Body]:
        part = self.part()
        told = {"text": part["text"], "logprobs": part["logprobs"]}
        yield _event("output_text.done", **self.place, **told)
        yield _event("content_part.done", **self.place, part=part)
        yield _event("output_item.done", output_index=self.index, item=self.item(status))


@dataclass
class _Call:
    id: str
    index: int
    call_id: str
    name: str
    arguments: list[str] = field(default_factory=list)

    def item(self, status: Status) -> Body:
        return call(self.id, status, self.call_id, self.name, "".join(self.arguments))

    @property
    def place(self) -> Body:
        return {"item_id": self.id, "output_index": self.index}

    def opened(self) -> Iterator[Body]:
        yield _event("output_item.added", output_index=self.index, item=self.item("in_progress"))

    def closed(self, status: Status) -> Iterator[Body]:
        arguments = "".join(self.arguments)
        done = {"name": self.name, "arguments": arguments}
        yield _event("function_call_arguments.done", **self.place, **done)
        yield _event("output_item.done", output_index=self.index, item=self.item(status))


class Output:
    """The output of one response, which has *before* items in its input."""

    def __init__(self, response: str, before: int) -> None:
        self._response, self._before = response, before
        self._items: list[_Text | _Call] = []
        self._said: _Text | None = None
        self._calls: dict[int, _Call] = {}

    def items(self, status: Status) -> list[Body]:
        return [item.item(status) for item in self._items]

    def add(self, delta: Delta) -> Iterator[Body]:
        """The events of one more piece."""
        if delta.text or delta.scores:
            yield from self._say(delta)
        for piece in delta.calls:
            yield from self._call(piece)

    def close(self, status: Status) -> Iterator[Body]:
        """The events of the end; who has said nothing has said an empty text."""
        if not self._items:
            yield from self._text().opened()
        for item in self._items:
            yield from item.closed(status)

    def _say(self, delta: Delta) -> Iterator[Body]:
        if self._said is None:
            yield from self._text().opened()
        said = self._text()
        said.text.append(delta.text)
        said.scores += delta.scores
        told = {"delta": delta.text, "logprobs": logprobs(delta.scores)}
        yield _event("output_text.delta", **said.place, **told)

    def _text(self) -> _Text:
        if self._said is None:
            self._said = _Text(self._id("msg"), len(self._items))
            self._items.append(self._said)
        return self._said

    def _call(self, piece: CallDelta) -> Iterator[Body]:
        called = self._calls.get(piece.index)
        if called is None:
            called = _Call(self._id("fc"), len(self._items), piece.id, piece.name)
            self._calls[piece.index] = called
            self._items.append(called)
            yield from called.opened()
        if piece.arguments:
            called.arguments.append(piece.arguments)
            told = {"delta": piece.arguments}
            yield _event("function_call_arguments.delta", **called.place, **told)

    def _id(self, kind: Kind) -> str:
        return item_id(kind, self._response, self._before + len(self._items))


def _event(kind: str, **fields: object) -> Body:
    return {"type": f"response.{kind}", **fields}

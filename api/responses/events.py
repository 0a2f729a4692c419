"""A response as it comes: OpenAI's typed events, as server-sent events."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from time import time

import msgspec

from api import answers
from api.chats import Event
from api.responses import shapes
from api.responses.output import Output
from api.responses.shapes import Body
from bus import messages as wire
from bus.errors import EngineError, LookoutError

Keep = Callable[[Body], Awaitable[Body]]  # a finished response, so that it can be read again


@dataclass(frozen=True)
class Answer:
    """One response under way: how the events of its job become what the client reads."""

    response: Body  # of which nothing is said yet
    before: int  # items that the model was told
    created: float  # unix seconds
    keep: Keep

    async def whole(self, heard: AsyncGenerator[Event]) -> Body:
        """The answer in one piece; an attempt that died with its worker leaves no trace."""
        output = self._output()
        async with aclosing(heard) as events:
            async for event in events:
                if isinstance(event, wire.Delta):
                    list(output.add(event))
                elif isinstance(event, wire.Finished):
                    list(output.close(shapes.status(event)))
                    return await self._ended(event, output)
                else:
                    output = self._output()
        raise EngineError("the worker sent no answer")

    async def lines(self, first: Event, rest: AsyncGenerator[Event]) -> AsyncGenerator[bytes]:
        number = 0
        async with aclosing(self._events(first, rest)) as events:
            async for event in events:
                yield _line({**event, "sequence_number": number})
                number += 1

    async def _events(self, first: Event, rest: AsyncGenerator[Event]) -> AsyncGenerator[Body]:
        output = self._output()
        async with aclosing(rest):
            try:
                yield {"type": "response.created", "response": self.response}
                yield {"type": "response.in_progress", "response": self.response}
                async for event in _chain(first, rest):
                    for told in self._told(event, output):
                        yield told
                    if isinstance(event, wire.Finished):
                        response = await self._ended(event, output)
                        yield {"type": f"response.{response['status']}", "response": response}
            except LookoutError as error:
                said = output.items("incomplete")
                failed = shapes.failed(self.response, error, said)
                yield {"type": "response.failed", "response": failed}

    def _output(self) -> Output:
        return Output(self.response["id"], self.before)

    def _told(self, event: Event, output: Output) -> Iterable[Body]:
        if isinstance(event, wire.Delta):
            return output.add(event)
        if isinstance(event, wire.Finished):
            return output.close(shapes.status(event))
        # half an answer has been read: it cannot begin again
        raise EngineError("the worker died in the middle of the answer")

    async def _ended(self, last: wire.Finished, output: Output) -> Body:
        evidence = answers.evidence(last, (time() - self.created) * 1000)
        said = output.items(shapes.status(last))
        return await self.keep(shapes.ended(self.response, last, said, evidence))


async def _chain(first: Event, rest: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
    yield first
    async for event in rest:
        yield event


def _line(event: Body) -> bytes:
    kind: bytes = event["type"].encode()
    return b"event: " + kind + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"

"""Generated text on its way out: what piles up while Redis is busy shares one entry."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bus.errors import DeadlineExceeded, LookoutError
from bus.messages import Delta

Send = Callable[[int, Delta], Awaitable[bool]]  # False: nobody listens any more


class Outbox:
    """
    The deltas of one attempt. The engine never waits for Redis.

    Without *streamed* nothing is sent before the end: the whole text travels with
    the last event, in one round trip.
    """

    def __init__(self, send: Send, streamed: bool) -> None:
        self._send, self._streamed = send, streamed
        self._text: list[str] = []
        self._sending: asyncio.Task[None] | None = None
        self.sent = 0  # events

    def put(self, text: str) -> None:
        """Raise `LookoutError` when an earlier piece could not be delivered."""
        self._text.append(text)
        if self._streamed and (self._sending is None or self._sending.done()):
            if self._sending:
                self._sending.result()
            self._sending = asyncio.create_task(self._send_waiting())

    async def _send_waiting(self) -> None:
        while self._text:
            delta = self._take()
            self.sent += 1
            if not await self._send(self.sent - 1, delta):
                raise DeadlineExceeded("nobody waits for this job any more")

    def _take(self) -> Delta:
        delta = Delta("".join(self._text))
        self._text.clear()
        return delta

    async def rest(self) -> tuple[Delta, ...]:
        """What goes with the last event; all else has been sent by then."""
        if self._sending:
            with suppress(LookoutError):
                await self._sending
        return (self._take(),) if self._text else ()

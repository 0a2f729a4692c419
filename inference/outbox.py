"""Generated text on its way out: what piles up while Redis is busy shares one entry."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import chain

from bus.errors import DeadlineExceeded, LookoutError
from bus.messages import Delta

Deltas = tuple[Delta, ...]
Send = Callable[[int, Deltas], Awaitable[bool]]  # False: nobody listens any more


class Outbox:
    """
    The deltas of one attempt. The engine never waits for Redis.

    Without *streamed* nothing is sent before the end: the whole text travels with
    the last event, in one round trip.
    """

    def __init__(self, send: Send, streamed: bool) -> None:
        self._send, self._streamed = send, streamed
        self._waiting: list[Delta] = []
        self._sending: asyncio.Task[None] | None = None
        self.sent = 0  # events

    def put(self, delta: Delta) -> None:
        """Raise `LookoutError` when an earlier piece could not be delivered."""
        self._waiting.append(delta)
        if self._streamed and (self._sending is None or self._sending.done()):
            if self._sending:
                self._sending.result()
            self._sending = asyncio.create_task(self._send_waiting())

    async def _send_waiting(self) -> None:
        while self._waiting:
            deltas = self._take()
            first, self.sent = self.sent, self.sent + len(deltas)
            if not await self._send(first, deltas):
                raise DeadlineExceeded("nobody waits for this job any more")

    def _take(self) -> Deltas:
        waiting, self._waiting = self._waiting, []
        return (waiting[0],) if len(waiting) == 1 else merged(waiting)

    async def rest(self) -> Deltas:
        """What goes with the last event; all else has been sent by then."""
        if self._sending:
            with suppress(LookoutError):
                await self._sending
        return self._take()


def merged(deltas: Sequence[Delta]) -> Deltas:
    """One delta for each answer among *deltas*, with all of its pieces in their order."""
    answers: dict[int, list[Delta]] = {}
    for delta in deltas:
        answers.setdefault(delta.choice, []).append(delta)
    return tuple(
        Delta(
            "".join([piece.text for piece in pieces]),
            choice,
            tuple(chain.from_iterable([piece.scores for piece in pieces])),
            tuple(chain.from_iterable([piece.calls for piece in pieces])),
        )
        for choice, pieces in answers.items()
    )

"""Text on its way out loses nothing and keeps its order while Redis is busy."""

import asyncio

import pytest

from bus.errors import DeadlineExceeded
from bus.messages import CallDelta, Delta, Likely, TokenScore
from inference.outbox import Deltas, Outbox, merged
from tests.conftest import Run


def score(token: str) -> TokenScore:
    return TokenScore(Likely(token, -0.5, token.encode()))


class Line:
    """Takes one entry at a time, each when it is let through."""

    def __init__(self, listening: bool = True) -> None:
        self.sent: list[tuple[int, Deltas]] = []
        self.free = asyncio.Event()
        self._listening = listening

    async def send(self, first: int, deltas: Deltas) -> bool:
        self.sent.append((first, deltas))
        await self.free.wait()
        return self._listening


def test_neighbours_become_one_and_answers_stay_apart() -> None:
    call = CallDelta(0, "c1", "look", "{")
    deltas = [
        Delta("a", 0, (score("a"),)),
        Delta("x", 1),
        Delta("b", 0, (score("b"),)),
        Delta("", 1, calls=(call,)),
        Delta("y", 1, calls=(CallDelta(0, arguments="}"),)),
    ]
    assert merged(deltas) == (
        Delta("ab", 0, (score("a"), score("b"))),
        Delta("xy", 1, (), (call, CallDelta(0, arguments="}"))),
    )


def test_what_piles_up_shares_an_entry_and_is_counted(run: Run) -> None:
    async def scenario() -> None:
        line = Line()
        outbox = Outbox(line.send, streamed=True)
        outbox.put(Delta("a"))
        await asyncio.sleep(0)
        for delta in (Delta("b"), Delta("x", 1), Delta("c")):
            outbox.put(delta)
        line.free.set()
        assert await outbox.rest() == ()
        assert line.sent == [(0, (Delta("a"),)), (1, (Delta("bc"), Delta("x", 1)))]
        assert outbox.sent == 3

    run(scenario())


def test_without_a_reader_of_pieces_all_travels_at_the_end(run: Run) -> None:
    async def scenario() -> None:
        line = Line()
        outbox = Outbox(line.send, streamed=False)
        for delta in (Delta("a", 0, (score("a"),)), Delta("x", 1), Delta("b")):
            outbox.put(delta)
        assert await outbox.rest() == (Delta("ab", 0, (score("a"),)), Delta("x", 1))
        assert (line.sent, outbox.sent) == ([], 0)

    run(scenario())


def test_a_piece_that_nobody_heard_ends_the_answer(run: Run) -> None:
    async def scenario() -> None:
        line = Line(listening=False)
        line.free.set()
        outbox = Outbox(line.send, streamed=True)
        outbox.put(Delta("a"))
        await outbox.rest()
        with pytest.raises(DeadlineExceeded):
            outbox.put(Delta("b"))

    run(scenario())

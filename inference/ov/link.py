"""Our end of one child: its socket, the requests in flight on it, its start and its silence."""

import asyncio
import itertools
import sys
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory

import zmq
import zmq.asyncio

from bus.errors import EngineError, LookoutError
from inference.engine import EngineLost, Pixels
from inference.ov.settings import Query, Settings
from inference.ov.wire import (
    LAST,
    Cancel,
    Command,
    Outcome,
    Progress,
    Ready,
    Report,
    decode_report,
    encode_request,
)
from inference.supervised import Program, running

CHILD = "inference.ov.child"
CLOSED = "the engine was closed"


class Link:
    """
    Hands what the child reports to whoever asked for it.

    A child that works reports every step, so one that is silent hangs. How long it may
    be silent depends on what it does: to read a prompt takes longer than one more token.
    """

    def __init__(self, socket: zmq.asyncio.Socket, program: Program, query: Query) -> None:
        self._socket = socket
        self._program = program
        self._query = query
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[Outcome | LookoutError]] = {}
        self._working: dict[int, bool] = {}  # what the child has; True: its prompt has been read
        self._heard = 0.0  # when the child last reported, or had nothing to report
        self._silence: asyncio.Timeout | None = None
        self._lost = ""

    @property
    def pid(self) -> int:
        return self._program.pid

    @property
    def working(self) -> int:
        """How many requests the child has; one that was cancelled counts until it is gone."""
        return len(self._working)

    async def ask(
        self, command: Command, pictures: Sequence[Pixels] = ()
    ) -> AsyncGenerator[Outcome]:
        """Send a command and yield what comes of it. Closing that cancels it."""
        if self._lost:
            raise EngineLost(self._lost)
        number = next(self._ids)
        inbox = self._waiting[number] = asyncio.Queue()
        self._begin(number)
        try:
            await self._send(number, command, pictures)
            while not isinstance(what := await inbox.get(), LAST):
                if isinstance(what, LookoutError):
                    raise what
                yield what
            yield what
        finally:
            del self._waiting[number]
            if number in self._working and not self._lost:
                self._send(number, Cancel())

    async def last(self) -> None:
        """Hand out reports until the child is lost."""
        try:
            await self._program.while_alive(self._listen())
        except LookoutError as error:
            self._lost = str(error)
            raise
        finally:
            self._lost = self._lost or CLOSED
            for inbox in self._waiting.values():
                inbox.put_nowait(EngineLost(self._lost))

    async def _listen(self) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while True:
                async with asyncio.timeout_at(self._silent_until()) as self._silence:
                    parts = await self._socket.recv_multipart()
                self._heard = clock()
                self._hand_out(decode_report(parts[0]))
        except TimeoutError as error:
            raise EngineLost(f"the engine hung for {clock() - self._heard:.1f} s") from error
        finally:
            self._silence = None

    def _hand_out(self, report: Report) -> None:
        for event in report.events if isinstance(report, Progress) else ():
            if isinstance(event.what, LAST):
                self._working.pop(event.id, None)
            else:
                self._working[event.id] = True
            if inbox := self._waiting.get(event.id):
                inbox.put_nowait(event.what)

    def _begin(self, number: int) -> None:
        if not self._working:
            self._heard = asyncio.get_running_loop().time()
        self._working[number] = False
        if self._silence and not self._silence.expired():
            self._silence.reschedule(self._silent_until())

    def _silent_until(self) -> float | None:
        if not self._working:
            return None
        all_read = all(self._working.values())
        return self._heard + (self._query.token_s if all_read else self._query.first_token_s)

    def _send(
        self, number: int, command: Command, pictures: Sequence[Pixels] = ()
    ) -> Awaitable[object]:
        parts = encode_request(number, command, pictures)
        return self._socket.send_multipart(parts, copy=False)


@asynccontextmanager
async def open_link(url: str, settings: Settings) -> AsyncGenerator[Link]:
    """
    Start a child and wait until its model is loaded.

    Its socket lies in a folder of its own, which is gone as soon as both ends have it:
    whatever kills us, nothing stays behind.
    """
    folder = TemporaryDirectory(prefix="lookout-")
    with folder, zmq.asyncio.Context() as context, context.socket(zmq.PAIR) as socket:
        socket.linger = 0
        address = f"ipc://{folder.name}/s"
        socket.bind(address)
        command = (sys.executable, "-m", CHILD, url, address)
        async with running(settings.model, command) as program:
            await _ready(socket, program, settings.query.start_s)
            folder.cleanup()
            yield Link(socket, program, settings.query)


async def _ready(socket: zmq.asyncio.Socket, program: Program, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            parts = await program.while_alive(socket.recv_multipart())
    except TimeoutError as error:
        raise EngineError(f"the model was not loaded within {within_s:g} s") from error
    if not isinstance(decode_report(parts[0]), Ready):
        raise EngineError("the engine's child did not say that it is ready")

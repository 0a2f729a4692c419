"""
The engine's child process: owns the pipeline, because it holds the interpreter while it works.

    python -m inference.ov.child openvino:/path/to/model ipc:///address

It waits on its socket while it has nothing to do, and looks into it between two steps
while it has. It ends when the process that started it does.
"""

import sys
from collections import deque
from collections.abc import Iterator
from time import monotonic

import zmq

from bus.errors import BadSettings, LookoutError
from bus.messages import Failed, Judged
from inference.engine import Pixels
from inference.ov.chat import Chats
from inference.ov.forced import ForcedJudge
from inference.ov.judge import SharedJudge, can_share, load_judge
from inference.ov.pipeline import Pipeline
from inference.ov.settings import Settings, parse
from inference.ov.wire import (
    Cancel,
    Event,
    Generate,
    Gone,
    Judge,
    Progress,
    Ready,
    Report,
    Request,
    decode_request,
    encode_report,
)

NOTHING = Progress(())
SIGN_OF_LIFE_S = 0.1
BEGIN_S = 0.05  # to begin a chat is to encode its pictures: 4 ms with a tiny model, or seconds

Pending = deque[tuple[Request, list[Pixels]]]


class Work:
    """
    What the child has been asked and has not answered.

    A step begins chats for a short time only, and then either makes one judgement or brings
    the chats that run one token further. After a judgement they have as much time as it
    took: a new one waits for one judgement at most, and a running one takes twice as long.
    """

    def __init__(self, settings: Settings, pipeline: Pipeline) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._chats = Chats(pipeline)
        self._forced = ForcedJudge(pipeline)
        self._shared: SharedJudge | None = None  # loaded when it is first needed
        self._may_share = settings.query.judge == "auto" and can_share(settings)
        self._to_begin: Pending = deque()
        self._to_judge: Pending = deque()
        self._owed_s = 0.0  # to the chats that run
        self._gone: list[Event] = []

    @property
    def busy(self) -> bool:
        return bool(self._gone or self._to_begin or self._to_judge) or self._pipeline.busy

    def accept(self, request: Request, pictures: list[Pixels]) -> None:
        match request.command:
            case Generate():
                self._to_begin.append((request, pictures))
            case Judge():
                self._to_judge.append((request, pictures))
            case Cancel():
                self._drop(request.id)

    def step(self) -> Progress:
        news, self._gone = self._gone, []
        until = monotonic() + BEGIN_S
        while self._to_begin and monotonic() < until:
            news += self._begin(*self._to_begin.popleft())
        began = monotonic()
        if self._to_judge and (self._owed_s <= 0 or not self._pipeline.busy):
            news += self._begin(*self._to_judge.popleft())
            self._owed_s = monotonic() - began
            return Progress(tuple(news))
        if self._pipeline.busy:
            self._pipeline.step()
            self._owed_s -= monotonic() - began
        return Progress((*news, *self._chats.collect(), *self._forced.collect()))

    def _begin(self, request: Request, pictures: list[Pixels]) -> list[Event]:
        """Begin it; some are over at once."""
        try:
            match request.command:
                case Generate() as command:
                    self._chats.start(request.id, command, pictures)
                case Judge(questions) if judge := self._sharing():
                    scores = tuple(judge.judge(questions, pictures))
                    return [Event(request.id, Judged(scores, "logits"))]
                case Judge(questions):
                    self._forced.start(request.id, questions, pictures)
        except LookoutError as error:
            return [Event(request.id, Failed.of(error))]
        return []

    def _sharing(self) -> SharedJudge | None:
        if self._may_share and not self._shared:
            self._shared = load_judge(self._settings, self._pipeline)
            self._may_share = bool(self._shared)
        return self._shared

    def _drop(self, number: int) -> None:
        self._chats.drop(number)
        self._forced.drop(number)
        self._to_begin = without(number, self._to_begin)
        self._to_judge = without(number, self._to_judge)
        self._gone.append(Event(number, Gone()))


def without(number: int, pending: Pending) -> Pending:
    return deque(entry for entry in pending if entry[0].id != number)


class Line:
    """The child's end of the socket."""

    def __init__(self, socket: zmq.Socket[bytes], address: str) -> None:
        self._socket = socket
        self._hung_up = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._hung_up, zmq.POLLIN)
        self._said = 0.0
        socket.connect(address)

    def say(self, report: Report) -> None:
        """Send *report*; one without news only if there has been no other for a while."""
        now = monotonic()
        if report != NOTHING or now - self._said > SIGN_OF_LIFE_S:
            self._said = now
            self._socket.send(encode_report(report))

    def requests(self, *, wait: bool) -> Iterator[tuple[Request, list[Pixels]]]:
        """What has come; with *wait*, at least one. Ends the process when nobody is there."""
        if self._hung_up in dict(self._poller.poll(None if wait else 0)):
            raise SystemExit
        while self._socket.poll(0):
            parts = self._socket.recv_multipart(copy=False)
            yield decode_request([part.buffer for part in parts])


def main(url: str, address: str) -> None:
    settings = parse(url)
    with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
        line = Line(socket, address)
        pipeline = Pipeline(settings)
        work = Work(settings, pipeline)
        line.say(Ready())
        while True:
            for request, pictures in line.requests(wait=not work.busy):
                work.accept(request, pictures)
            line.say(work.step())


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BadSettings as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)

"""
The engine's child process: owns the pipeline, because it holds the interpreter while it works.

    python -m inference.ov.child openvino:/path/to/model ipc:///address

It waits on its socket while it has nothing to do, and looks into it between two steps
while it has. It ends when the process that started it does.
"""

import sys
from collections import deque
from collections.abc import Iterator

import zmq

from bus.errors import BadSettings, LookoutError
from bus.messages import Failed, Judged
from inference.engine import Pixels
from inference.ov.chat import Chats
from inference.ov.forced import ForcedJudge
from inference.ov.judge import SharedJudge, can_share
from inference.ov.pipeline import Pipeline
from inference.ov.settings import Settings, parse
from inference.ov.wire import (
    Cancel,
    Command,
    Event,
    Generate,
    Gone,
    Judge,
    Progress,
    Ready,
    Report,
    decode_command,
    encode,
)


class Work:
    """What the child has been asked and has not answered."""

    def __init__(self, settings: Settings, pipeline: Pipeline) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._chats = Chats(pipeline)
        self._forced = ForcedJudge(pipeline)
        self._shared: SharedJudge | None = None  # loaded when it is first needed
        self._shares = settings.query.judge == "auto" and can_share(settings)
        self._judgements: deque[tuple[Judge, list[Pixels]]] = deque()
        self._news: list[Event] = []

    @property
    def busy(self) -> bool:
        return bool(self._news or self._judgements) or self._pipeline.busy

    def accept(self, command: Command, pictures: list[Pixels]) -> None:
        try:
            match command:
                case Generate():
                    self._chats.start(command, pictures)
                case Judge() if self._shares:
                    self._judgements.append((command, pictures))
                case Judge():
                    self._forced.start(command, pictures)
                case Cancel():
                    self._drop(command.id)
        except LookoutError as error:
            self._news.append(Event(command.id, Failed.of(error)))

    def step(self) -> Progress:
        """One step of the pipeline and at most one judgement: neither waits long for the other."""
        news, self._news = self._news, []
        if self._judgements:
            news.append(self._judge(*self._judgements.popleft()))
        if self._pipeline.busy:
            self._pipeline.step()
        return Progress((*news, *self._chats.collect(), *self._forced.collect()))

    def _judge(self, command: Judge, pictures: list[Pixels]) -> Event:
        try:
            if not self._shared:
                self._shared = SharedJudge(self._settings, self._pipeline)
            scores = self._shared.judge(command.questions, pictures)
            return Event(command.id, Judged(tuple(scores)))
        except LookoutError as error:
            return Event(command.id, Failed.of(error))

    def _drop(self, number: int) -> None:
        self._chats.drop(number)
        self._forced.drop(number)
        kept = [(judge, pictures) for judge, pictures in self._judgements if judge.id != number]
        self._judgements = deque(kept)
        self._news.append(Event(number, Gone()))


class Line:
    """The child's end of the socket."""

    def __init__(self, socket: zmq.Socket[bytes], address: str) -> None:
        self._socket = socket
        self._hung_up = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._hung_up, zmq.POLLIN)
        socket.connect(address)

    def say(self, report: Report) -> None:
        self._socket.send_multipart(encode(report))

    def commands(self, *, wait: bool) -> Iterator[tuple[Command, list[Pixels]]]:
        """What has come; with *wait*, at least one. Ends the process when nobody is there."""
        if self._hung_up in dict(self._poller.poll(None if wait else 0)):
            raise SystemExit
        while self._socket.poll(0):
            parts = self._socket.recv_multipart(copy=False)
            yield decode_command([part.buffer for part in parts])


def main(url: str, address: str) -> None:
    settings = parse(url)
    with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
        line = Line(socket, address)
        pipeline = Pipeline(settings)
        work = Work(settings, pipeline)
        line.say(Ready(pipeline.context))
        while True:
            for command, pictures in line.commands(wait=not work.busy):
                work.accept(command, pictures)
            line.say(work.step())


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BadSettings as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)

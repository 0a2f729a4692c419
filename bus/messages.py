"""
What crosses a process boundary, as data.

Pure: this module opens no socket and imports no other module of ours but errors.
A field may be added with a default; renaming or removing one is a new `VERSION`,
which is part of the tag, so an old reader refuses what it would misread.
"""

from typing import Literal

import msgspec

from bus.errors import LookoutError, from_code

VERSION = 1


class Text(msgspec.Struct, frozen=True, tag="text"):
    text: str


class StoredPicture(msgspec.Struct, frozen=True, tag="picture"):
    """A picture that lies in Redis under its digest, as the client sent it."""

    digest: str
    max_side: int = 0  # pixels; a larger one is scaled down to it; 0: as it is


class CameraFrames(msgspec.Struct, frozen=True, tag="camera"):
    """The newest frame of a camera, or *frames* of them over *span_s*, oldest first."""

    camera: str
    frames: int = 1
    span_s: float = 0.0
    max_side: int = 0  # pixels, as of a `StoredPicture`


Part = Text | StoredPicture | CameraFrames


class ToolCall(msgspec.Struct, frozen=True):
    """A function that the model wants called."""

    id: str
    name: str
    arguments: str  # JSON, as the model wrote it


class Message(msgspec.Struct, frozen=True):
    role: Literal["system", "user", "assistant", "tool"]
    parts: tuple[Part, ...]
    calls: tuple[ToolCall, ...] = ()  # that the assistant asked for
    call_id: str = ""  # the call that a tool's message answers


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may have called."""

    name: str
    description: str = ""
    parameters: str = ""  # JSON Schema of its arguments, as JSON; empty: it has none
    strict: bool = False


class Format(msgspec.Struct, frozen=True):
    """JSON instead of prose."""

    schema: str = ""  # JSON Schema, as JSON; empty: any object
    name: str = ""  # of the schema
    strict: bool = False


class Sampling(msgspec.Struct, frozen=True):
    """How to generate; None leaves a choice to the engine, which then decodes greedily."""

    max_tokens: int = 256
    min_tokens: int = 0
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()  # token id, what is added to its logit
    logprobs: int | None = None  # of each token; the number is how many others are told beside it
    format: Format | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"  # or none, required, or `function:` and the name of one
    parallel_calls: bool = True  # whether one answer may ask for several


class Chat(msgspec.Struct, frozen=True, tag="chat"):
    """A conversation whose next turn is wanted."""

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    stream: bool = False  # whether somebody reads the deltas as they come
    n: int = 1  # answers to the same pictures, each with its own seed


class Question(msgspec.Struct, frozen=True):
    """
    A yes/no question about what a camera sees, or about a *zone* of it.

    A zone is a polygon in shares of the picture's width and height. `crop` shows the
    model what lies around it, `mask` the whole picture with all else made grey.
    """

    text: str
    zone: tuple[tuple[float, float], ...] = ()
    zone_mode: Literal["crop", "mask"] = "crop"
    prompt: str = ""  # how to ask: `{question}` stands for the text; empty: the text alone


class Judge(msgspec.Struct, frozen=True, tag="judge"):
    """Questions about the same frames; the answer is one score each."""

    frames: CameraFrames
    questions: tuple[Question, ...]
    evidence_above: float = 2.0  # the score from which on the newest frame is kept
    max_age_s: float = 5.0  # of the newest frame; an older one says nothing about now


class Job(msgspec.Struct, frozen=True, tag=f"job/{VERSION}"):
    """One piece of work for a worker, as `api` or `alerts` enqueues it."""

    id: str
    model: str
    process: str  # whose replies stream gets the events
    task: Chat | Judge
    created: float  # unix seconds
    deadline: float  # unix seconds; nobody waits after it


class FrameUsed(msgspec.Struct, frozen=True):
    """Which frame an answer is about."""

    camera: str
    seq: int
    captured_at: float  # unix seconds
    age_ms: float  # when the engine started
    width: int
    height: int


class Timings(msgspec.Struct, frozen=True):
    """Milliseconds a job spent in each stage: queue, pictures, engine, one after the other."""

    queue: float = 0.0  # until a worker claimed it
    pictures: float = 0.0  # reading, decoding and cropping frames and pictures
    first_token: float = 0.0  # from engine start; a part of `engine`
    engine: float = 0.0  # from engine start to the last token, or the last score


class Likely(msgspec.Struct, frozen=True):
    """A token that could stand at some place."""

    token: str
    logprob: float
    data: bytes  # of the token, which need not be whole characters


class TokenScore(msgspec.Struct, frozen=True):
    """The token that stands at a place, and how likely it and others were."""

    chosen: Likely
    others: tuple[Likely, ...] = ()  # the likeliest, which may include the chosen one


class CallDelta(msgspec.Struct, frozen=True):
    """A piece of a `ToolCall`: the first one of an index has its id and name."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Delta(msgspec.Struct, frozen=True, tag=True):
    """A piece of generated text, with what else is known of it."""

    text: str
    choice: int = 0  # which of the `n` answers it belongs to
    scores: tuple[TokenScore, ...] = ()
    calls: tuple[CallDelta, ...] = ()


Reason = Literal["stop", "length", "tool_calls", "content_filter"]


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The last event of a chat that worked."""

    reason: Reason
    prompt_tokens: int
    completion_tokens: int  # of all answers together
    frames: tuple[FrameUsed, ...] = ()
    timings: Timings = Timings()
    more: tuple[Reason, ...] = ()  # how the answers after the first one ended
    cached_tokens: int = 0  # of the prompt, that the engine did not read again


class Judged(msgspec.Struct, frozen=True, tag=True):
    """
    The last event of a judgement: P(yes) of each question, in order; None where unsure.

    *by* `text` the engine has said yes or no, so a score is 0 or 1.
    """

    scores: tuple[float | None, ...]
    by: Literal["logits", "text"]
    frames: tuple[FrameUsed, ...] = ()
    timings: Timings = Timings()
    evidence: bool = False  # the newest frame lies at `names.evidence` as a JPEG
    evidence_ms: float = 0.0  # encoding and keeping it, after the engine


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The last event of a job that did not work."""

    code: str
    message: str
    param: str | None = None
    retry_after_s: float | None = None

    @classmethod
    def of(cls, error: LookoutError) -> "Failed":
        return cls(error.code, str(error), error.param, error.retry_after_s)

    def error(self) -> LookoutError:
        return from_code(self.code, self.message, self.param, self.retry_after_s)


JobEvent = Delta | Finished | Judged | Failed
LastEvent = Finished | Judged | Failed


class Reply(msgspec.Struct, frozen=True, tag=f"reply/{VERSION}"):
    """
    One entry of a replies stream; several tokens may share it.

    *first* counts the events sent before in this attempt: an entry that a retried
    Redis command wrote twice is recognised by it.
    """

    job_id: str
    attempt: int
    first: int
    events: tuple[JobEvent, ...]


class CameraSpec(msgspec.Struct, frozen=True):
    """A camera that shall be open. An implicit one (first seen in a chat) closes when idle."""

    id: str
    url: str
    explicit: bool = False
    setting: bool = False  # of a capture process; the camera goes when none has it any more
    name: str = ""  # as its owner calls it
    fps: float = 0.0  # at most so many frames published per second; 0: as the settings say


class Answered(msgspec.Struct, frozen=True, tag=f"answered/{VERSION}"):
    """What was said about a camera last: for whoever shows its picture."""

    camera: str
    question: str
    answer: str
    at: float  # unix seconds


class FrameDescriptor(msgspec.Struct, frozen=True, tag=f"frame/{VERSION}"):
    """Where one frame lies in its camera's ring, and what it is."""

    camera: str
    instance: str  # changes whenever the camera is opened anew
    slot: int
    generation: int
    seq: int
    width: int
    height: int
    captured_at: float  # unix seconds
    captured_mono: float  # monotonic seconds of the capturing host
    motion: float  # changed share of the picture, 0 to 1


_encoder = msgspec.msgpack.Encoder()
_job = msgspec.msgpack.Decoder(Job)
_reply = msgspec.msgpack.Decoder(Reply)
_spec = msgspec.msgpack.Decoder(CameraSpec)
_descriptor = msgspec.msgpack.Decoder(FrameDescriptor)
_answered = msgspec.msgpack.Decoder(Answered)


def encode(message: Job | Reply | CameraSpec | FrameDescriptor | Answered) -> bytes:
    return _encoder.encode(message)


def decode_job(data: bytes) -> Job:
    return _job.decode(data)


def decode_reply(data: bytes) -> Reply:
    return _reply.decode(data)


def decode_camera_spec(data: bytes) -> CameraSpec:
    return _spec.decode(data)


def decode_descriptor(data: bytes) -> FrameDescriptor:
    return _descriptor.decode(data)


def decode_answered(data: bytes) -> Answered:
    return _answered.decode(data)

"""Our extension to OpenAI's answers: which frames one is about, and where the time went."""

from typing import Annotated

from msgspec import Meta, Struct

from api.shapes.cameras import At
from bus.messages import Timings


class FrameSeen(Struct, frozen=True, kw_only=True):
    camera: str
    seq: Annotated[int, Meta(description="its number, of this opening of the camera")]
    captured_at: At
    age_ms: Annotated[float, Meta(description="when the model began")]
    width: int
    height: int


class AnswerTimings(Timings, frozen=True, kw_only=True):
    """Milliseconds in each stage."""

    total: float


class Evidence(Struct, frozen=True, kw_only=True):
    frames: Annotated[list[FrameSeen], Meta(description="that the model saw, oldest first")]
    timings_ms: AnswerTimings


class Likelihood(Struct, frozen=True, kw_only=True):
    token: str
    logprob: float
    bytes: list[int]


class TokenLikelihood(Likelihood, frozen=True, kw_only=True):
    top_logprobs: list[Likelihood]

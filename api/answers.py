"""What we answer to a chat, in OpenAI's shapes. Pure: time and ids are arguments."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

import msgspec

from bus.messages import CallDelta, Finished, FrameUsed, Likely, TokenScore, ToolCall
from bus.times import utc

VERSION = "0.1.0"  # a part of the fingerprint: what answers differently has another one


class Identity(msgspec.Struct, frozen=True):
    """What every piece of one answer repeats."""

    id: str
    created: int
    model: str
    fingerprint: str = ""

    @classmethod
    def of(cls, job_id: str, created: float, model: str) -> "Identity":
        return cls(job_id, int(created), model, _fingerprint(model))


@lru_cache(maxsize=64)
def _fingerprint(model: str) -> str:
    return f"fp_{sha256(f'{VERSION} {model}'.encode()).hexdigest()[:10]}"


def completion(
    identity: Identity, choices: Sequence[object], last: Finished, total_ms: float
) -> dict[str, object]:
    return {
        "id": identity.id,
        "object": "chat.completion",
        "created": identity.created,
        "model": identity.model,
        "system_fingerprint": identity.fingerprint,
        "choices": choices,
        "usage": usage(last),
        "lookout": evidence(last, total_ms),
    }


def choice(
    index: int,
    text: str,
    calls: Sequence[ToolCall],
    scores: Sequence[TokenScore] | None,
    reason: str,
) -> dict[str, object]:
    """One of a completion's choices; *scores* None where nobody asked for them."""
    message: dict[str, object] = {
        "role": "assistant",
        "content": None if calls and not text else text,
        "refusal": None,
    }
    if calls:
        message["tool_calls"] = [call(called) for called in calls]
    return {
        "index": index,
        "message": message,
        "logprobs": None if scores is None else logprobs(scores),
        "finish_reason": reason,
    }


def call(called: ToolCall) -> dict[str, object]:
    function = {"name": called.name, "arguments": called.arguments}
    return {"id": called.id, "type": "function", "function": function}


def chunk(identity: Identity, choices: Sequence[object], **more: object) -> dict[str, object]:
    """One event of a stream."""
    return {
        "id": identity.id,
        "object": "chat.completion.chunk",
        "created": identity.created,
        "model": identity.model,
        "system_fingerprint": identity.fingerprint,
        "choices": choices,
        **more,
    }


def chunk_choice(
    index: int,
    delta: dict[str, object],
    reason: str | None = None,
    scores: Sequence[TokenScore] = (),
) -> dict[str, object]:
    return {
        "index": index,
        "delta": delta,
        "logprobs": logprobs(scores) if scores else None,
        "finish_reason": reason,
    }


def call_deltas(pieces: Sequence[CallDelta]) -> list[dict[str, object]]:
    return [_call_delta(piece) for piece in pieces]


def _call_delta(piece: CallDelta) -> dict[str, object]:
    """The first piece of a call says which it is; those after it have arguments only."""
    if not piece.id:
        return {"index": piece.index, "function": {"arguments": piece.arguments}}
    function = {"name": piece.name, "arguments": piece.arguments}
    return {"index": piece.index, "id": piece.id, "type": "function", "function": function}


def logprobs(scores: Sequence[TokenScore]) -> dict[str, object]:
    content = [
        {**_likely(score.chosen), "top_logprobs": [_likely(other) for other in score.others]}
        for score in scores
    ]
    return {"content": content, "refusal": None}


def _likely(token: Likely) -> dict[str, object]:
    return {"token": token.token, "logprob": token.logprob, "bytes": list(token.data)}


def usage(last: Finished) -> dict[str, object]:
    return {
        "prompt_tokens": last.prompt_tokens,
        "completion_tokens": last.completion_tokens,
        "total_tokens": last.prompt_tokens + last.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": last.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def evidence(last: Finished, total_ms: float) -> dict[str, object]:
    """Our extension: which frames the answer is about, and where the time went."""
    timings = {f"{key}": value for key, value in msgspec.structs.asdict(last.timings).items()}
    return {
        "frames": frames(last.frames),
        "timings_ms": {**timings, "total": round(total_ms, 2)},
    }


def frames(used: Sequence[FrameUsed]) -> list[dict[str, object]]:
    return [
        {**msgspec.structs.asdict(frame), "captured_at": utc(frame.captured_at)} for frame in used
    ]

"""What we answer, in OpenAI's shapes. Pure: time and ids are arguments."""

from collections.abc import Sequence

import msgspec

from bus.messages import Finished, FrameUsed
from bus.times import utc


class Identity(msgspec.Struct, frozen=True):
    """What every piece of one answer repeats."""

    id: str
    created: int
    model: str


def completion(identity: Identity, text: str, last: Finished, total_ms: float) -> dict[str, object]:
    return {
        "id": identity.id,
        "object": "chat.completion",
        "created": identity.created,
        "model": identity.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": last.reason,
            }
        ],
        "usage": usage(last),
        "lookout": evidence(last, total_ms),
    }


def chunk(
    identity: Identity,
    delta: dict[str, str] | None,
    finish_reason: str | None = None,
    **more: object,
) -> dict[str, object]:
    """One event of a stream; *delta* None makes the one that has no choices."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {
        "id": identity.id,
        "object": "chat.completion.chunk",
        "created": identity.created,
        "model": identity.model,
        "choices": [] if delta is None else [choice],
        **more,
    }


def usage(last: Finished) -> dict[str, int]:
    return {
        "prompt_tokens": last.prompt_tokens,
        "completion_tokens": last.completion_tokens,
        "total_tokens": last.prompt_tokens + last.completion_tokens,
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

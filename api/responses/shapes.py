"""What `/v1/responses` answers, in OpenAI's shapes. Pure: time and ids are arguments."""

from collections.abc import Sequence
from typing import Any, Literal

from api.responses.schemas import NamedFunction, ResponseRequest
from bus.errors import LookoutError, Overloaded
from bus.messages import Finished, Likely, TokenScore

Status = Literal["in_progress", "completed", "incomplete", "failed"]
Body = dict[str, Any]

INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}  # by reason


def started(request: ResponseRequest, response: str, created: float, model: str) -> Body:
    """The response object of which nothing is said yet."""
    return {
        "id": response,
        "object": "response",
        "created_at": int(created),
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "usage": None,
        **_asked(request),
    }


def _asked(request: ResponseRequest) -> Body:
    """What the request has asked for, as the answer repeats it."""
    return {
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "metadata": request.metadata or {},
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": request.previous_response_id or None,
        "prompt_cache_key": request.prompt_cache_key,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": request.safety_identifier,
        "service_tier": "default",
        "store": request.store is not False,
        "temperature": request.temperature,
        "text": _text(request),
        "tool_choice": _choice(request),
        "tools": [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "strict": bool(tool.strict),
            }
            for tool in request.tools or ()
        ],
        "top_logprobs": request.top_logprobs or 0,
        "top_p": request.top_p,
        "truncation": "disabled",  # whatever was asked: nothing is left out
        "user": request.user,
    }


def _text(request: ResponseRequest) -> Body:
    form = request.text.format if request.text else None
    if form is None:
        return {"format": {"type": "text"}}
    return {"format": form.model_dump(by_alias=True, exclude_unset=True)}


def _choice(request: ResponseRequest) -> object:
    choice = request.tool_choice
    if choice is None or isinstance(choice, str):
        return choice or "auto"
    if isinstance(choice, NamedFunction):
        return {"type": "function", "name": choice.name}
    return choice.model_dump(exclude_none=True)


def status(last: Finished) -> Literal["completed", "incomplete"]:
    return "incomplete" if last.reason in INCOMPLETE else "completed"


def ended(response: Body, last: Finished, output: Sequence[Body], evidence: object) -> Body:
    """*response* as it is once the model has said *output*."""
    why = INCOMPLETE.get(last.reason)
    return {
        **response,
        "status": status(last),
        "incomplete_details": {"reason": why} if why else None,
        "output": list(output),
        "usage": usage(last),
        "lookout": evidence,
    }


def failed(response: Body, error: LookoutError, output: Sequence[Body]) -> Body:
    """*response* when the answer ended with *error*; the code is one of those OpenAI has."""
    code = "rate_limit_exceeded" if isinstance(error, Overloaded) else "server_error"
    return {
        **response,
        "status": "failed",
        "error": {"code": code, "message": str(error)},
        "output": list(output),
        "lookout": {"error": error.code},
    }


def usage(last: Finished) -> Body:
    return {
        "input_tokens": last.prompt_tokens,
        "input_tokens_details": {"cached_tokens": last.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": last.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": last.prompt_tokens + last.completion_tokens,
    }


def message(item: str, status: Status, content: Sequence[Body]) -> Body:
    return {
        "id": item,
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": list(content),
    }


def text_part(text: str, scores: Sequence[TokenScore]) -> Body:
    return {
        "type": "output_text",
        "text": text,
        "annotations": [],
        "logprobs": logprobs(scores),
    }


def call(item: str, status: Status, call_id: str, name: str, arguments: str) -> Body:
    return {
        "id": item,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def logprobs(scores: Sequence[TokenScore]) -> list[Body]:
    return [
        {**_likely(score.chosen), "top_logprobs": [_likely(other) for other in score.others]}
        for score in scores
    ]


def _likely(token: Likely) -> Body:
    return {"token": token.token, "logprob": token.logprob, "bytes": list(token.data)}

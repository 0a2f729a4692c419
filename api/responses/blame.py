"""Errors in the words of who asks here: below, fields are called as in a chat."""

import re
from collections.abc import Mapping

from api.responses.past import PREVIOUS
from bus.errors import LookoutError, Overloaded, from_code

CALLED: Mapping[str, str] = {  # there -> here
    "logprobs": "include",
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "messages": "input",
    "response_format": "text.format",
}
_WORD = re.compile(r"`(\w+)`")


def in_our_words(error: LookoutError) -> LookoutError:
    """*error* with the field that this request has; what was said before came with one field."""
    param = error.param
    if param is None or isinstance(error, Overloaded):
        return error
    if param.startswith(f"{PREVIOUS}["):
        error.param = PREVIOUS
        return error
    message = _WORD.sub(lambda word: f"`{CALLED.get(word[1], word[1])}`", str(error))
    return from_code(error.code, message, CALLED.get(param, param))

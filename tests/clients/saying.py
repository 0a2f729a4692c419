"""What the suites ask and read, in OpenAI's shapes."""

from typing import Any

from openai.types.chat import ChatCompletion
from pydantic import BaseModel

GATE = '{"open": true, "people": 2}'  # what to tell the echo engine, so that it is a `Gate`


class Gate(BaseModel):
    """The state of the gate."""

    open: bool
    people: int


def user(*content: Any) -> Any:
    """A message: a single string as it is, anything else as parts."""
    plain = len(content) == 1 and isinstance(content[0], str)
    parts = [text(part) if isinstance(part, str) else part for part in content]
    return {"role": "user", "content": content[0] if plain else parts}


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def said(answer: ChatCompletion) -> str:
    content = answer.choices[0].message.content
    assert content is not None
    return content


def words(number: int) -> str:
    """A question whose echo has so many tokens."""
    return " ".join(["word"] * number)

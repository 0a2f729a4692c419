"""Questions to `/v1/responses`, and what tests want to know of the answers."""

import json
from typing import Any

import httpx

PATH = "/v1/responses"
DONE = ("response.completed", "response.incomplete", "response.failed")


def ask(http: httpx.Client, asked: Any, **fields: Any) -> httpx.Response:
    return http.post(PATH, json={"input": asked, **fields})


def answered(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body["error"] is None
    return body


def said(answer: httpx.Response) -> str:
    """The text of the one message."""
    (item,) = answered(answer)["output"]
    (part,) = item["content"]
    text: str = part["text"]
    return text


def text(words: str) -> dict[str, Any]:
    return {"type": "input_text", "text": words}


def image(url: str, **fields: Any) -> dict[str, Any]:
    return {"type": "input_image", "image_url": url, **fields}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def events_of(text: str) -> list[dict[str, Any]]:
    """What a stream told: each event named on its first line, and counted."""
    events = list[dict[str, Any]]()
    for number, block in enumerate(text.removesuffix("\n\n").split("\n\n")):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        assert event["sequence_number"] == number
        events.append(event)
    assert events[-1]["type"] in DONE
    return events

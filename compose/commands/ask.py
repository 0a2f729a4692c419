"""`lookout ask`: one question to a running stack, the answer as it is generated."""

import argparse
import base64
import json
import mimetypes
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from compose.client import RefusedError, reason, talk

PATIENCE = httpx.Timeout(180, connect=5)


def run(options: argparse.Namespace) -> int:
    body = {
        "model": options.model,
        "stream": True,
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": _url(options.url)}},
                    {"type": "text", "text": options.question},
                ],
            }
        ],
    }
    return talk(options, lambda http: _ask(http, body))


def _ask(http: httpx.Client, body: object) -> int:
    for event in _events(http, body):
        _show(event)
    return 0


def _url(text: str) -> str:
    """A file that exists here becomes a data: URL; the server may run elsewhere."""
    path = Path(text)
    if ":" in text or not path.is_file():
        return text
    kind = mimetypes.guess_type(path)[0] or "image/jpeg"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _events(http: httpx.Client, body: object) -> Iterator[dict[str, Any]]:
    with http.stream("POST", "/v1/chat/completions", json=body, timeout=PATIENCE) as answer:
        if answer.status_code != httpx.codes.OK:
            answer.read()
            raise RefusedError(reason(answer))
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                event: dict[str, Any] = json.loads(line.removeprefix("data: "))
                if "error" in event:
                    raise RefusedError(event["error"]["message"])
                yield event


def _show(event: dict[str, Any]) -> None:
    for choice in event["choices"]:
        sys.stdout.write(choice["delta"].get("content", ""))
        if choice["finish_reason"]:
            sys.stdout.write("\n")
    for frame in event.get("lookout", {}).get("frames", ()):
        sys.stderr.write(
            f"(camera {frame['camera']}, frame {frame['seq']}, {frame['age_ms']:.0f} ms old)\n"
        )
    sys.stdout.flush()

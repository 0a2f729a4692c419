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
    try:
        for event in _events(f"{options.server}/v1/chat/completions", body):
            _show(event)
    except httpx.ConnectError:
        return _fail(f"nothing answers at {options.server}: start it with `lookout up`")
    except httpx.HTTPError as error:
        return _fail(f"the connection broke: {error}")
    except RefusedError as error:
        return _fail(str(error))
    return 0


class RefusedError(Exception):
    """The server said no, and why."""


def _url(text: str) -> str:
    """A file that exists here becomes a data: URL; the server may run elsewhere."""
    path = Path(text)
    if ":" in text or not path.is_file():
        return text
    kind = mimetypes.guess_type(path)[0] or "image/jpeg"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _events(url: str, body: object) -> Iterator[dict[str, Any]]:
    timeout = httpx.Timeout(180, connect=5)
    with httpx.stream("POST", url, json=body, timeout=timeout, trust_env=False) as answer:
        if answer.status_code != 200:
            raise RefusedError(_reason(answer.read(), answer.status_code))
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                event: dict[str, Any] = json.loads(line.removeprefix("data: "))
                if "error" in event:
                    raise RefusedError(event["error"]["message"])
                yield event


def _reason(body: bytes, status: int) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return f"the server answered {status}"


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


def _fail(reason: str) -> int:
    sys.stderr.write(f"lookout: {reason}\n")
    return 1

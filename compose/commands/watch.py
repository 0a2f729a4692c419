"""`lookout watch`: alert events of a running stack as they come, until Ctrl-C."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx

from bus.errors import BadSettings
from compose.client import fail, open_client, reason

QUIET_S = 40.0  # the server says something every 15 s
AGAIN_S = 1.0


def run(options: argparse.Namespace) -> int:
    """A connection that is lost is made again, and what came meanwhile is told."""
    since, answered = options.since, False
    while True:
        try:
            for place, event in _events(options, since):
                since, answered = place or since, True
                if event:
                    _show(event, options.json)
        except KeyboardInterrupt:
            return 0
        except httpx.HTTPStatusError as error:
            if not answered:
                return fail(reason(error.response))
        except httpx.HTTPError:
            if not answered:
                return fail(f"nothing answers at {options.server}: start it with `lookout up`")
        except BadSettings as error:
            return fail(str(error))
        time.sleep(AGAIN_S)


def _events(
    options: argparse.Namespace, since: str | None
) -> Iterator[tuple[str | None, dict[str, Any] | None]]:
    """Events and their places in the log; first None, once connected."""
    headers = {"Last-Event-ID": since} if since else {}
    timeout = httpx.Timeout(5, read=QUIET_S)
    with (
        open_client(options.server, options.key, timeout) as http,
        http.stream("GET", "/v1/alerts/stream", headers=headers) as answer,
    ):
        if answer.is_error:
            answer.read()
            answer.raise_for_status()
        yield None, None
        place = None
        for line in answer.iter_lines():
            if line.startswith("id: "):
                place = line.removeprefix("id: ")
            elif line.startswith("data: "):
                yield place, json.loads(line.removeprefix("data: "))


def _show(event: dict[str, Any], as_json: bool) -> None:
    sys.stdout.write(f"{json.dumps(event, ensure_ascii=False) if as_json else _line(event)}\n")
    sys.stdout.flush()


def _line(event: dict[str, Any]) -> str:
    at = datetime.fromisoformat(event["at"]).astimezone().strftime("%H:%M:%S")
    what = event.get("error") or ""
    if rule := event.get("rule"):
        score = "" if event.get("score") is None else f"  P(yes) {event['score']:.2f}"
        what = event.get("description") or rule["question"] + score
    return f"{at}  {event['type']:<11} {event['camera']:<16} {what}".rstrip()

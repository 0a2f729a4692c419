"""`lookout cameras …`: the registry of a running stack; trying and finding cameras from here."""

import argparse
import sys
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Any

import httpx

from bus.errors import LookoutError
from bus.log import mask
from compose import discovery
from compose.probing import probe

LIVE_S = 15.0  # how long `add` waits to see the camera live
LOOK_S = 0.3


def run(options: argparse.Namespace) -> int:
    actions = {
        "add": _add,
        "list": _list,
        "rm": _remove,
        "probe": _probe,
        "discover": _discover,
    }
    try:
        return actions[options.action](options)
    except httpx.ConnectError:
        return _fail(f"nothing answers at {options.server}: start it with `lookout up`")
    except httpx.HTTPStatusError as error:
        return _fail(_reason(error.response))
    except httpx.HTTPError as error:
        return _fail(f"the connection broke: {error}")


def _call(options: argparse.Namespace, method: str, path: str, **body: object) -> dict[str, Any]:
    url = f"{options.server}/v1/cameras{path}"
    with httpx.Client(timeout=30, trust_env=False) as client:
        answer = client.request(method, url, json=body or None).raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _add(options: argparse.Namespace) -> int:
    fields = {"id": options.id, "url": options.url, "name": options.name}
    if options.fps is not None:
        fields["fps"] = options.fps
    status = _call(options, "POST", "", **fields)
    until = monotonic() + LIVE_S
    while status["state"] == "connecting" and monotonic() < until:
        sleep(LOOK_S)
        status = _call(options, "GET", f"/{options.id}")
    _say(_line(status))
    if status["state"] != "live":
        _say("it stays registered and is tried again; `lookout cameras list` says how it is")
    return 0


def _list(options: argparse.Namespace) -> int:
    found = _call(options, "GET", "")["data"]
    for status in found:
        _say(_line(status))
    if not found:
        _say("no cameras: add one with `lookout cameras add ID URL`")
    return 0


def _line(status: dict[str, Any]) -> str:
    words = [f"{status['id']:<16} {status['state']:<10}"]
    if status["state"] in ("live", "stale"):
        words.append(f"{status['width']}x{status['height']} {status['codec']},")
        words.append(f"{status['fps_in']:g} frames/s in, {status['fps']:g} out,")
        words.append(f"newest {_age(status['last_frame_at'])},")
        words.append(f"{status['reconnects']} reconnects, {status['drops']} drops")
    if status["error"]:
        words.append(f"({status['error']})")
    return " ".join([*words, " ", status["url"]])


def _age(at: str | None) -> str:
    if at is None:
        return "none yet"
    age_s = (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()
    return f"{max(0.0, age_s):.1f} s ago"


def _remove(options: argparse.Namespace) -> int:
    _call(options, "DELETE", f"/{options.id}")
    _say(f"{options.id} is removed")
    return 0


def _probe(options: argparse.Namespace) -> int:
    try:
        for line in probe(options.url, options.seconds, options.save):
            _say(line)
    except (LookoutError, OSError) as error:
        return _fail(mask(str(error)))
    return 0


def _discover(options: argparse.Namespace) -> int:
    found = False
    for line in discovery.lines(options.seconds):
        found = True
        _say(line)
    if not found:
        _say("no camera was found: docs/cameras.md says how to find one's address")
    return 0


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return f"the server answered {answer.status_code}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _fail(reason: str) -> int:
    sys.stderr.write(f"lookout: {reason}\n")
    return 1

"""`lookout cameras …`: the registry of a running stack; trying and finding cameras from here."""

import argparse
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Any

import httpx

from bus.errors import LookoutError
from bus.log import mask
from compose import discovery
from compose.client import fail, found, say, talk
from compose.probing import probe

CAMERAS = "/v1/cameras"
LIVE_S = 15.0  # how long `add` waits to see the camera live
LOOK_S = 0.3


def run(options: argparse.Namespace) -> int:
    alone = {"probe": _probe, "discover": _discover}  # without a stack
    if options.action in alone:
        return alone[options.action](options)
    actions = {"add": _add, "list": _list, "rm": _remove}
    return talk(options, lambda http: actions[options.action](http, options))


def _add(http: httpx.Client, options: argparse.Namespace) -> int:
    fields = {"id": options.id, "url": options.url, "name": options.name}
    if options.fps is not None:
        fields["fps"] = options.fps
    status = found(http.post(CAMERAS, json=fields))
    until = monotonic() + LIVE_S
    while status["state"] == "connecting" and monotonic() < until:
        sleep(LOOK_S)
        status = found(http.get(f"{CAMERAS}/{options.id}"))
    say(_line(status))
    if status["state"] != "live":
        say("it stays registered and is tried again; `lookout cameras list` says how it is")
    return 0


def _list(http: httpx.Client, options: argparse.Namespace) -> int:
    cameras = found(http.get(CAMERAS))["data"]
    for status in cameras:
        say(_line(status))
    if not cameras:
        say("no cameras: add one with `lookout cameras add ID URL`")
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


def _remove(http: httpx.Client, options: argparse.Namespace) -> int:
    found(http.delete(f"{CAMERAS}/{options.id}"))
    say(f"{options.id} is removed")
    return 0


def _probe(options: argparse.Namespace) -> int:
    try:
        for line in probe(options.url, options.seconds, options.save):
            say(line)
    except (LookoutError, OSError) as error:
        return fail(mask(str(error)))
    return 0


def _discover(options: argparse.Namespace) -> int:
    lines = list[str]()
    for line in discovery.lines(options.seconds):
        lines.append(line)
        say(line)
    if not lines:
        say("no camera was found: docs/cameras.md says how to find one's address")
    return 0

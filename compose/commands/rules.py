"""`lookout rules …`: the rules of a running stack."""

import argparse
import re
import sys
from typing import Any
from urllib.parse import quote

import httpx

from bus.rules import EVERY
from compose.client import found, say, talk

RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
ANSWER_S = 180.0


def run(options: argparse.Namespace) -> int:
    actions = {"list": _list, "add": _add, "rm": _remove, "test": _test}
    return talk(options, lambda http: actions[options.action](http, options))


def _list(http: httpx.Client, options: argparse.Namespace) -> int:
    rules = found(http.get("/v1/rules"))["data"]
    for rule in rules:
        say(_line(rule))
        for standing in rule["standings"]:
            say(f"  {_standing(standing)}")
    if not rules:
        say('no rules: add one with `lookout rules add "Is there a person?"`')
    return 0


def _line(rule: dict[str, Any]) -> str:
    cameras = "all cameras" if EVERY in rule["cameras"] else ", ".join(rule["cameras"])
    disabled = "" if rule["enabled"] else " (disabled)"
    return f"{rule['id']:<24} {rule['question']}  [{cameras}]{disabled}"


def _standing(standing: dict[str, Any]) -> str:
    score = "-" if standing["score"] is None else f"{standing['score']:.2f}"
    words = [f"{standing['camera']:<16} {standing['phase']:<8} P(yes) {score},"]
    words.append(f"judged {standing['judged']} times, every {standing['every_s']:.1f} s,")
    words.append(f"{standing['skipped']} times not needed")
    if standing["error"]:
        words.append(f"({standing['error']})")
    return " ".join(words)


def _add(http: httpx.Client, options: argparse.Namespace) -> int:
    fields = {name: getattr(options, name) for name in ("id", "name", "every_s", "on", "for_s")}
    given = {name: value for name, value in fields.items() if value is not None}
    body = {**given, "question": options.question, "cameras": options.camera or [EVERY]}
    if options.zone:
        body["zones"] = dict(map(_zone, options.zone))
    rule = found(http.post("/v1/rules", json=body))
    say(_line(rule))
    for warning in rule["warnings"]:
        sys.stderr.write(f"lookout: {warning}\n")
    return 0


def _zone(text: str) -> tuple[str, object]:
    """`front=0,0 1,0 1,0.5` or, for every camera, `0,0 1,0 1,0.5`; the stack checks the rest."""
    camera, equals, points = text.rpartition("=")
    polygon = [[_number(number) for number in point.split(",")] for point in points.split()]
    return (camera if equals else EVERY), {"polygon": polygon}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _remove(http: httpx.Client, options: argparse.Namespace) -> int:
    found(http.delete(f"/v1/rules/{quote(options.id, safe='')}"))
    say(f"{options.id} is removed")
    return 0


def _test(http: httpx.Client, options: argparse.Namespace) -> int:
    """Ask now what the rule asks; then how it stands, if it is one of the stack."""
    rule = _rule(http, options.rule)
    content = [
        {"type": "image_url", "image_url": {"url": options.camera}},
        {"type": "text", "text": _question(rule) if rule else options.rule},
    ]
    body = {"messages": [{"role": "user", "content": content}], "model": rule and rule["model"]}
    answer = found(http.post("/v1/chat/completions", json=body, timeout=ANSWER_S))
    say(answer["choices"][0]["message"]["content"])
    for standing in rule["standings"] if rule else ():
        if standing["camera"] == options.camera:
            say(_standing(standing))
    return 0


def _rule(http: httpx.Client, text: str) -> dict[str, Any] | None:
    """The rule of that id, if there is one."""
    if not RULE_ID.fullmatch(text):
        return None
    answer = http.get(f"/v1/rules/{text}")
    return None if answer.status_code == 404 else found(answer)


def _question(rule: dict[str, Any]) -> str:
    prompt, question = str(rule["prompt"]), str(rule["question"])
    return prompt.replace("{question}", question) or question

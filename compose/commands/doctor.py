"""`lookout doctor`: what works on this machine, and what to do about the rest."""

import argparse
import logging
import os
import sys
from contextlib import suppress

import httpx

from bus.errors import BadSettings
from bus.keys import is_loopback, keys_of
from bus.settings import read
from compose.checks import CHECKS, Finding, Findings
from compose.client import open_client, reason
from compose.keys import kept_at
from compose.settings import LocalSettings

LOOK_S = 2.0
MARKS = {"works": "ok  ", "look": "look", "fails": "FAIL"}


def run(options: argparse.Namespace) -> int:
    """Print a line for everything that was tried; the status is 1 if something cannot work."""
    logging.disable()  # what goes wrong is said below
    try:
        failed = _examine(read(LocalSettings))
    except BadSettings as error:
        sys.stderr.write(f"lookout doctor: {error}\n")
        return 2
    sys.stdout.write("something here cannot work\n" if failed else "everything needed works\n")
    return int(failed)


def _examine(settings: LocalSettings) -> bool:
    failed = False
    for check in (*CHECKS, _key):
        for finding in check(settings):
            failed = failed or finding.verdict == "fails"
            _show(finding)
    return failed


def _key(settings: LocalSettings) -> Findings:
    """Who may ask what listens; whether a running stack takes the key that lies here."""
    named = len(keys_of(settings).all)
    where = f"on {settings.host}"
    if settings.auth == "off":
        alone = is_loopback(settings.host)
        yield Finding("key", "works" if alone else "look", f"none is asked for {where}")
    elif named:
        yield Finding("key", "works", f"one of {named} that the settings name is asked for {where}")
    elif is_loopback(settings.host):
        yield Finding("key", "works", f"none is needed {where}")
    else:
        yield Finding("key", "works", f"asked for {where}: {kept_at(settings.data_dir)}")
    server = f"http://127.0.0.1:{settings.port}"
    with suppress(httpx.HTTPError), open_client(server, os.environ.get("LOOKOUT_API_KEY")) as http:
        if (
            answer := http.get("/v1/models", timeout=LOOK_S)
        ).status_code == httpx.codes.UNAUTHORIZED:
            yield Finding("key", "fails", f"{server} refuses: {reason(answer)}")


def _show(finding: Finding) -> None:
    sys.stdout.write(f"{MARKS[finding.verdict]}  {finding.about:<8} {finding.text}\n")
    sys.stdout.flush()

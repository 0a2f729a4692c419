"""`lookout doctor`: what works on this machine, and what to do about the rest."""

import argparse
import logging
import sys

from bus.errors import BadSettings
from bus.settings import read
from compose.checks import CHECKS, Finding
from compose.settings import LocalSettings

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
    for check in CHECKS:
        for finding in check(settings):
            failed = failed or finding.verdict == "fails"
            _show(finding)
    return failed


def _show(finding: Finding) -> None:
    sys.stdout.write(f"{MARKS[finding.verdict]}  {finding.about:<8} {finding.text}\n")
    sys.stdout.flush()

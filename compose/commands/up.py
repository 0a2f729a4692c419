"""`lookout up`: the whole stack as local processes."""

import argparse

from bus.process import run as run_process
from compose.local import main
from compose.settings import LocalSettings

STOP_WITHIN_S = 9.5


def run(options: argparse.Namespace) -> int:
    return run_process("up", LocalSettings, main, STOP_WITHIN_S)

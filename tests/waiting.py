"""Waiting for what another process does."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(is_so: Callable[[], T], within_s: float = 30.0) -> T:
    deadline = time.monotonic() + within_s
    while not (value := is_so()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value

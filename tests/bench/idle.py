"""What a stack costs that nobody asks anything."""

import time
from collections.abc import Mapping

from tests.bench.processes import Clock
from tests.bench.table import Row, Section


def measure(what: str, pids: Mapping[str, int], seconds: float, *, budget: bool) -> Section:
    """*budget*: whether the one for a stack without cameras applies."""
    time.sleep(min(2.0, seconds))  # what the start still costs
    clock = Clock(pids)
    time.sleep(seconds)
    return Section(
        f"Idle, {what}",
        [
            Row(
                f"{name}: share of a core",
                f"{percent:.2f} %",
                budget="≤ 1 %" if budget else "",
                met=percent <= 1 if budget else None,
            )
            for name, percent in clock.percent().items()
        ],
    )

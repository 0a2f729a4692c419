"""
`make bench`: the budgets of DESIGN.md, each against a floor that is measured in the same run.

    python -m tests.bench [--quick] [--markdown]

It says which budgets are missed; its exit status does not, for that depends on the machine.
"""

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bus.settings import default_run_dir
from compose.local import STOP_S
from inference.settings import DEMO_MODEL
from tests.bench import age, cameras, frames, http, idle, model, rules, table
from tests.bench.plan import QUICK, Plan
from tests.bench.processes import can_tell_cpu
from tests.bench.services import serving
from tests.bench.table import Section
from tests.stack import Stack, command_line, descendants, running

ENGINE = "inference.ov.child"
SERVICES = [name for name in STOP_S if name != "redis"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--quick", action="store_true", help="does it work at all?")
    parser.add_argument("--markdown", action="store_true", help="the table for the README")
    options = parser.parse_args()
    if not can_tell_cpu():
        sys.stderr.write("bench: it reads processor times from /proc, so it runs on Linux only\n")
        return 0
    memory = Path(default_run_dir()).parent
    with TemporaryDirectory() as disk, TemporaryDirectory(dir=memory) as ram:
        plan = QUICK if options.quick else Plan()
        sections = list(_sections(Path(disk), Path(ram), plan))
    show = table.markdown if options.markdown else table.plain
    sys.stdout.write(show(sections))
    sys.stdout.write(f"\n{os.cpu_count()} cores, Python {platform.python_version()}\n")
    return 0


def _sections(disk: Path, ram: Path, plan: Plan) -> Iterator[Section]:
    """All parts, one after the other, so that none disturbs another."""
    with serving(disk / "bare", ram / "bare", SERVICES) as services:
        yield idle.measure("no cameras", services.pids, plan.idle_s, budget=True)
        yield http.measure(disk / "http", services, plan)
    yield frames.measure(disk / "frames", ram / "frames", plan)
    yield cameras.measure(disk / "cameras", ram / "cameras", plan)
    with running(ram / "echo", "--camera", "demo=demo:", "--model", "echo:") as stack:
        yield idle.measure("the demo camera", _pids(stack), plan.idle_s, budget=False)
        yield age.measure(stack.url, plan)
    with running(ram / "model", "--model", DEMO_MODEL) as stack:
        pids = _pids(stack)
        yield model.measure(stack.url, pids, plan)
        yield rules.measure(stack, pids[ENGINE], plan)


def _pids(stack: Stack) -> dict[str, int]:
    """The processes of *stack* by name."""
    found = {"lookout up": stack.process.pid}
    for pid in descendants(stack.process.pid):
        command = command_line(pid).split()
        found[command[2] if command[1:2] == ["-m"] else "valkey"] = pid
    return found


if __name__ == "__main__":
    sys.exit(main())

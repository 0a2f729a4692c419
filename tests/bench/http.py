"""Request → worker → answer through the echo engine, against a bare FastAPI handler."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from compose.ports import free_port
from tests.bench.load import message
from tests.bench.plan import Plan
from tests.bench.processes import ROOT, Clock, child, python, until
from tests.bench.services import Services
from tests.bench.table import Row, Section, count, more_ms, ms

QUESTION = "Is there a person at the gate? Answer with yes or no, and say what they wear."
BODY = json.dumps({"model": "echo", "messages": [{"role": "user", "content": QUESTION}]}).encode()
PATH = "/v1/chat/completions"
PACED = 16  # connections


@dataclass(frozen=True)
class Load:
    """Medians of some rounds."""

    p50: float  # ms
    p99: float
    per_s: float
    cpu_ms: dict[str, float]  # of each process, for one request


@dataclass(frozen=True)
class Server:
    name: str
    port: int
    pids: dict[str, int]


def measure(folder: Path, services: Services, plan: Plan) -> Section:
    folder.mkdir()
    answer = folder / "answer"
    answer.write_bytes(ask(services.port))
    (folder / "request").write_bytes(message(f"POST {PATH} HTTP/1.1", BODY))
    with answering("mirror", answer) as mirror, answering("floor", answer) as floor:
        both = floor, Server("ours", services.port, services.pids)
        rows = []
        for connections in plan.connections:
            found = _rounds(folder, both, connections, plan)
            rows += _rows(connections, found["floor"], found["ours"])
        paced = _rounds(folder, both, PACED, plan, plan.paced)
        rows += _paced_rows(plan.paced, paced["floor"], paced["ours"])
        most = _rounds(folder, (mirror,), plan.connections[-1], plan)["mirror"]
    return Section(
        "Request → worker → answer (`echo:`), against a bare FastAPI handler",
        rows,
        [
            "Without a rate, all connections ask without a pause. "
            f"The load generator could ask {most.per_s:,.0f} times a second.",
            "It shares the processors with what it measures: more of them, better figures.",
        ],
    )


@contextmanager
def answering(name: str, answer: Path) -> Iterator[Server]:
    """A server by its module's *name* here, that gives the same *answer* always."""
    port = free_port()
    quiet = {"LOOKOUT_LOG_LEVEL": "WARNING"}
    with child(python(f"tests.bench.{name}", port, answer), quiet) as process:
        until(lambda: bool(ask(port)))
        yield Server(name, port, {name: process.pid})


def ask(port: int) -> bytes:
    """One answer; empty when it is not 200."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", PATH, BODY, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        return answer if response.status == 200 else b""


def _rounds(
    folder: Path, servers: Sequence[Server], connections: int, plan: Plan, rate: float = 0.0
) -> dict[str, Load]:
    """Each server in turn, again and again, so that noise meets all of them."""
    rounds: dict[str, list[Load]] = {server.name: [] for server in servers}
    for _ in range(plan.rounds):
        for server in servers:
            command = python("tests.bench.load", server.port, connections, plan.round_s, rate)
            rounds[server.name].append(_round(folder, server, command))
    return {name: _middle(loads) for name, loads in rounds.items()}


def _round(folder: Path, server: Server, command: list[str]) -> Load:
    clock = Clock(server.pids)
    with (folder / "request").open("rb") as request:
        output = subprocess.run(command, stdin=request, capture_output=True, check=True, cwd=ROOT)
    found = json.loads(output.stdout)
    return Load(found["p50"], found["p99"], found["per_s"], clock.ms_each(found["asked"]))


def _middle(loads: list[Load]) -> Load:
    return Load(
        median(load.p50 for load in loads),
        median(load.p99 for load in loads),
        median(load.per_s for load in loads),
        {name: median(load.cpu_ms[name] for load in loads) for name in loads[0].cpu_ms},
    )


def _rows(connections: int, floor: Load, ours: Load) -> list[Row]:
    """Of connections that ask without a pause."""
    at = f"{connections} connection" + "s" * (connections > 1)
    above, share_of = ours.p50 - floor.p50, ours.per_s / floor.per_s
    alone = ("≤ floor + 1 ms", above <= 1) if connections == 1 else ("", None)
    crowd = ("≥ 50 % of floor", share_of >= 0.5) if connections > 1 else ("", None)
    return [
        Row(f"{at}: p50", ms(ours.p50), ms(floor.p50), more_ms(above), *alone),
        Row(f"{at}: p99", ms(ours.p99), ms(floor.p99), more_ms(ours.p99 - floor.p99)),
        Row(f"{at}: requests/s", count(ours.per_s), count(floor.per_s), f"{share_of:.0%}", *crowd),
        Row(
            f"{at}: processor time of a request",
            ms(sum(ours.cpu_ms.values())),
            ms(sum(floor.cpu_ms.values())),
            ", ".join(f"{name} {spent:.2f}" for name, spent in ours.cpu_ms.items()),
        ),
    ]


def _paced_rows(rate: float, floor: Load, ours: Load) -> list[Row]:
    at = f"{PACED} connections, {rate:g} requests/s"
    budget = "≤ 5 ms", ours.p99 <= 5
    return [
        Row(f"{at}: p50", ms(ours.p50), ms(floor.p50), more_ms(ours.p50 - floor.p50)),
        Row(f"{at}: p99", ms(ours.p99), ms(floor.p99), more_ms(ours.p99 - floor.p99), *budget),
    ]

"""Request → worker → answer through the echo engine, against a bare FastAPI handler."""

import json
import subprocess
from collections.abc import Iterator
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
from tests.bench.table import Row, Section, more_ms, ms, share

QUESTION = "Is there a person at the gate? Answer with yes or no, and say what they wear."
BODY = json.dumps({"model": "echo", "messages": [{"role": "user", "content": QUESTION}]}).encode()
PATH = "/v1/chat/completions"


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
    with (
        answering("mirror", answer) as mirror,
        answering("floor", answer) as floor,
    ):
        ours = Server("ours", services.port, services.pids)
        rows = []
        for connections in plan.connections:
            found = _rounds(folder, (floor, ours), connections, plan)
            rows += _rows(connections, found["floor"], found["ours"])
        most = _rounds(folder, (mirror,), plan.connections[-1], plan)["mirror"]
    return Section(
        "Request → worker → answer (`echo:`), against a bare FastAPI handler",
        rows,
        [
            f"The load generator itself reaches {most.per_s:,.0f} requests/s"
            f" at {plan.connections[-1]} connections.",
            "All connections ask without a pause, and the generator shares the processors.",
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
    folder: Path, servers: tuple[Server, ...], connections: int, plan: Plan
) -> dict[str, Load]:
    """Each server in turn, again and again, so that noise meets all of them."""
    rounds: dict[str, list[Load]] = {server.name: [] for server in servers}
    for _ in range(plan.rounds):
        for server in servers:
            rounds[server.name].append(_round(folder, server, connections, plan.round_s))
    return {name: _middle(loads) for name, loads in rounds.items()}


def _round(folder: Path, server: Server, connections: int, seconds: float) -> Load:
    clock = Clock(server.pids)
    with (folder / "request").open("rb") as request:
        command = python("tests.bench.load", "127.0.0.1", server.port, connections, seconds)
        output = subprocess.run(command, stdin=request, capture_output=True, check=True, cwd=ROOT)
    found = json.loads(output.stdout)
    cpu_ms = {name: spent * 1000 / found["asked"] for name, spent in clock.spent_s().items()}
    return Load(found["p50"], found["p99"], found["per_s"], cpu_ms)


def _middle(loads: list[Load]) -> Load:
    return Load(
        median(load.p50 for load in loads),
        median(load.p99 for load in loads),
        median(load.per_s for load in loads),
        {name: median(load.cpu_ms[name] for load in loads) for name in loads[0].cpu_ms},
    )


def _rows(connections: int, floor: Load, ours: Load) -> list[Row]:
    p50, p99, rate = ours.p50 - floor.p50, ours.p99 - floor.p99, ours.per_s / floor.per_s
    few, many = connections == 1, connections >= 16
    budget = {
        "p50": ("≤ floor + 1 ms", p50 <= 1) if few else ("", None),
        "p99": ("≤ 5 ms", ours.p99 <= 5) if connections == 16 else ("", None),
        "rate": ("≥ 50 % of floor", rate >= 0.5) if many else ("", None),
    }
    at = f"{connections} connection" + "s" * (connections > 1)
    return [
        Row(f"{at}: p50", ms(ours.p50), ms(floor.p50), more_ms(p50), *budget["p50"]),
        Row(f"{at}: p99", ms(ours.p99), ms(floor.p99), more_ms(p99), *budget["p99"]),
        Row(
            f"{at}: requests/s",
            f"{ours.per_s:,.0f}",
            f"{floor.per_s:,.0f}",
            share(ours.per_s, floor.per_s),
            *budget["rate"],
        ),
        Row(
            f"{at}: processor time of a request",
            ms(sum(ours.cpu_ms.values())),
            ms(sum(floor.cpu_ms.values())),
            ", ".join(f"{name} {spent:.2f}" for name, spent in ours.cpu_ms.items()),
        ),
    ]

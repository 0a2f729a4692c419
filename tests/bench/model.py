"""The demo model through Lookout, against the same engine with nothing around it."""

import base64
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import cycle, islice
from statistics import median
from time import perf_counter
from urllib.parse import urlsplit

from bus.jpeg import Pixels, decode_jpeg, encode_jpeg
from capture.demo.render import Renderer
from capture.demo.script import scene_at
from inference.settings import DEMO_MODEL
from tests.bench.http import PATH
from tests.bench.plan import Plan
from tests.bench.processes import Clock, child, python, said
from tests.bench.table import Row, Section, more_ms, ms, share

QUESTIONS = (
    "Describe the scene.",
    "Is there a person?",
    "How many cars are there?",
    "What is on the left?",
)
FIRST_MS = 15


@dataclass(frozen=True)
class Pace:
    first_ms: float
    tokens_per_s: float
    cpu_ms: dict[str, float]  # of each process, for one token


def jpegs() -> list[bytes]:
    """One picture for each question, from the demo camera's world."""
    renderer = Renderer(640, 360)
    return [encode_jpeg(renderer.render(scene_at(20.0 * n), n + 1)) for n in range(len(QUESTIONS))]


def pictures() -> list[Pixels]:
    return [decode_jpeg(jpeg) for jpeg in jpegs()]


def measure(url: str, pids: Mapping[str, int], plan: Plan) -> Section:
    """Of the stack at *url*, whose processes are *pids*, and which runs the demo model."""
    address = urlsplit(url).netloc
    bodies = [_body(*one, plan.tokens) for one in zip(jpegs(), QUESTIONS, strict=True)]
    rows = []
    with child(python("tests.bench.direct", DEMO_MODEL, plan.tokens)) as engine:
        said(engine)
        for streams in plan.streams:
            chats = streams * plan.chats
            floor, ours = [], []
            for number in range(plan.model_rounds + 1):
                alone = _direct(engine, streams, chats, plan.tokens)
                through = _through(address, pids, streams, list(islice(cycle(bodies), chats)))
                if number:  # the first one warms up
                    floor.append(alone)
                    ours.append(through)
            rows += _rows(streams, _middle(floor), _middle(ours))
    return Section(
        f"The demo model, {plan.tokens} tokens a chat, against its engine with nothing around it",
        rows,
        ["What is added to a step is the same for any model; most take 10 to 100 ms for one."],
    )


def _body(jpeg: bytes, question: str, tokens: int) -> bytes:
    picture = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    content = [
        {"type": "image_url", "image_url": {"url": picture}},
        {"type": "text", "text": question},
    ]
    return json.dumps(
        {
            "messages": [{"role": "user", "content": content}],
            "stream": True,
            "max_tokens": tokens,
            "min_tokens": tokens,
        }
    ).encode()


def _direct(engine: subprocess.Popen[str], streams: int, chats: int, tokens: int) -> Pace:
    assert engine.stdin
    clock = Clock({"engine": engine.pid})
    engine.stdin.write(f"{streams} {chats}\n")
    engine.stdin.flush()
    found = said(engine)
    return Pace(found["first_ms"], found["tokens_per_s"], clock.ms_each(chats * tokens))


def _through(address: str, pids: Mapping[str, int], streams: int, bodies: Sequence[bytes]) -> Pace:
    """*bodies* asked of Lookout, *streams* at a time."""
    tokens = len(bodies) * int(json.loads(bodies[0])["max_tokens"])
    clock = Clock(pids)
    with ThreadPoolExecutor(streams) as threads:
        began = perf_counter()
        firsts = list(threads.map(lambda body: _chat(address, body), bodies))
        took_s = perf_counter() - began
    return Pace(median(firsts), tokens / took_s, clock.ms_each(tokens))


def _chat(address: str, body: bytes) -> float:
    """Milliseconds until the first text; returns at the end of the answer."""
    with closing(HTTPConnection(address, timeout=60)) as connection:
        began = perf_counter()
        connection.request("POST", PATH, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        texts = _texts(response)
        next(texts)
        first_ms = (perf_counter() - began) * 1000
        for _ in texts:
            pass
    return first_ms


def _texts(lines: Iterator[bytes]) -> Iterator[None]:
    """Something for each piece of text; the answer must be as long as it was asked to be."""
    tail = b""
    for line in lines:
        tail = line if line.startswith(b"data: {") else tail
        if b'"content":"' in line and b'"content":""' not in line:
            yield
    if b'"length"' not in tail:
        raise RuntimeError(f"the answer ended with {tail!r}")


def _middle(paces: Sequence[Pace]) -> Pace:
    return Pace(
        median(pace.first_ms for pace in paces),
        median(pace.tokens_per_s for pace in paces),
        {name: median(pace.cpu_ms[name] for pace in paces) for name in paces[0].cpu_ms},
    )


def _rows(streams: int, floor: Pace, ours: Pace) -> list[Row]:
    at = f"{streams} stream" + "s" * (streams > 1)
    rate = ours.tokens_per_s / floor.tokens_per_s
    budget = ("≥ 90 %", rate >= 0.9) if streams > 1 else ("", None)
    step_ms, floor_ms = (streams * 1000 / pace.tokens_per_s for pace in (ours, floor))
    spent = ", ".join(f"{name} {part:.2f}" for name, part in ours.cpu_ms.items() if part >= 0.01)
    return [
        Row(
            f"{at}: time to the first text",
            ms(ours.first_ms),
            ms(floor.first_ms),
            more_ms(ours.first_ms - floor.first_ms),
            *((f"≤ {FIRST_MS} ms", ours.first_ms <= FIRST_MS) if streams == 1 else ("", None)),
        ),
        Row(
            f"{at}: tokens/s",
            f"{ours.tokens_per_s:,.0f}",
            f"{floor.tokens_per_s:,.0f}",
            share(ours.tokens_per_s, floor.tokens_per_s),
            *budget,
        ),
        Row(f"{at}: time of a step", ms(step_ms), ms(floor_ms), more_ms(step_ms - floor_ms)),
        Row(
            f"{at}: processor time of a token",
            ms(sum(ours.cpu_ms.values())),
            ms(sum(floor.cpu_ms.values())),
            spent,
        ),
    ]

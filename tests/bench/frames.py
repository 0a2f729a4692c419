"""Camera → reader: real processes, the ring and ZeroMQ between them, against copying memory."""

import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from tests.bench.camera import FPS
from tests.bench.plan import Plan
from tests.bench.processes import Clock, child, python, said
from tests.bench.reader import Seen
from tests.bench.services import serving
from tests.bench.table import Row, Section, more_ms, ms, percentile, times

READERS = (1, 4)
NO_CACHE = 64 << 20  # bytes; more than any processor keeps


@dataclass(frozen=True)
class Transport:
    p50: float  # ms from capture until a reader has its copy
    p99: float
    missed: float  # share of the frames offered
    camera_ms: float  # processor time per frame
    reader_ms: float  # of one reader


def measure(folder: Path, memory: Path, plan: Plan) -> Section:
    rows = []
    with serving(folder, memory, ()) as services:
        for width, height in plan.sizes:
            copy_ms = copying_ms(width * height * 3)
            found = {
                count: transport(services.env, (width, height), count, plan.frames_s)
                for count in READERS
            }
            rows += _rows(height, copy_ms, found)
    return Section(
        f"Frames, {FPS:g} a second, from capture to a reader's own copy",
        rows,
        ["The floor is one copy of such a frame; a frame is copied in, and out by each reader."],
    )


def copying_ms(size: int) -> float:
    """What it takes to copy *size* bytes that are in no cache."""
    count = NO_CACHE // size + 1
    sources = [np.full(size, number, np.uint8) for number in range(count)]
    targets = [np.full(size, number, np.uint8) for number in range(count)]
    took = []
    for turn in range(4 * count):
        began = time.perf_counter()
        np.copyto(targets[turn % count], sources[turn % count])
        took.append(time.perf_counter() - began)
    return median(took) * 1000


def transport(
    env: dict[str, str], size: tuple[int, int], readers: int, seconds: float
) -> Transport:
    with ExitStack() as stack:
        camera = stack.enter_context(child(python("tests.bench.camera", *size), env))
        said(camera)
        reading = [
            stack.enter_context(child(python("tests.bench.reader"), env)) for _ in range(readers)
        ]
        for reader in reading:
            said(reader)
        pids = {"camera": camera.pid} | {f"reader {r.pid}": r.pid for r in reading}
        clock, began = Clock(pids), time.monotonic()
        time.sleep(seconds)
        spent, ended = clock.spent_s(), time.monotonic()
        seen = [result(reader, began, ended) for reader in reading]
    frames = (ended - began) * FPS
    ages = [age for one in seen for _, _, age in one]
    camera_s = spent.pop("camera")
    return Transport(
        percentile(ages, 50),
        percentile(ages, 99),
        max(0.0, 1 - len(ages) / (frames * readers)),
        camera_s * 1000 / frames,
        sum(spent.values()) * 1000 / (frames * readers),
    )


def result(reader: subprocess.Popen[str], began: float, ended: float) -> Seen:
    """What *reader* saw in that time."""
    reader.terminate()
    seen: Seen = said(reader)
    reader.wait()
    return [one for one in seen if began <= one[1] < ended]


def _rows(height: int, copy_ms: float, found: dict[int, Transport]) -> list[Row]:
    floor = ms(copy_ms)
    rows = []
    for count, it in found.items():
        at = f"{height}p, {count} reader{'s' * (count > 1)}"
        budget = ("≤ 2 ms", it.p50 <= 2) if height == 1080 else ("", None)
        rows += [
            Row(f"{at}: age p50", ms(it.p50), floor, more_ms(it.p50 - copy_ms), *budget),
            Row(f"{at}: age p99", ms(it.p99), floor, more_ms(it.p99 - copy_ms)),
            Row(f"{at}: frames missed", f"{it.missed:.1%}"),
            Row(
                f"{at}: processor time of a reader, per frame",
                ms(it.reader_ms),
                floor,
                times(it.reader_ms, copy_ms),
            ),
        ]
    alone, crowd = found[READERS[0]], found[READERS[-1]]
    rows += [
        Row(
            f"{height}p, {READERS[0]} reader: processor time of the camera, per frame",
            ms(alone.camera_ms),
            floor,
            times(alone.camera_ms, copy_ms),
        ),
        Row(
            f"{height}p, {READERS[-1]} readers: processor time of the camera, per frame",
            ms(crowd.camera_ms),
            ms(alone.camera_ms),
            times(crowd.camera_ms, alone.camera_ms),
            "≤ 1.25 times one reader's",
            crowd.camera_ms <= 1.25 * alone.camera_ms,
        ),
    ]
    return rows

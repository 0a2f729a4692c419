"""The files that a replay leaves."""

import csv
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bus.errors import BadSettings
from compose.replay.page import page
from compose.replay.playing import Look
from compose.replay.plot import save_plot
from compose.replay.results import Results

COLUMNS = ("time", "rule", "score", "motion", "outcome")


def prepare(folder: str) -> Path:
    """Make *folder*, before anything is done; raise `BadSettings` when that cannot be."""
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSettings(f"--out {folder}: {error.strerror}") from error
    return path


def write(results: Results, folder: Path) -> Iterator[Path]:
    """`report.html`, `scores.csv`, `events.json` and `plot.png`."""
    yield _write(folder / "report.html", page(results).encode())
    yield _write_scores(folder / "scores.csv", results)
    events = msgspec.json.format(msgspec.json.encode(results.played.events), indent=2)
    yield _write(folder / "events.json", events)
    save_plot(results, folder / "plot.png")
    yield folder / "plot.png"


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _write_scores(path: Path, results: Results) -> Path:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows(map(_cells, results.played.looks))
    return path


def _cells(look: Look) -> tuple[str, ...]:
    score = "" if look.score is None else f"{look.score:.4f}"
    outcome = "judged" if look.judged else "skipped"
    return f"{look.at_s:.3f}", look.rule, score, f"{look.motion:.4f}", outcome

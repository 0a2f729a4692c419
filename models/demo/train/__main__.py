"""
`make train-demo`: the demo model, from a seed to a folder that Lookout can serve.

    python -m models.demo.train [--minutes 50] [--out build/train-demo]

Broken off, it goes on where it was when it is started again with the same --out.
`--install` puts the finished model in the place of the bundled one; nothing else does.
"""

import argparse
import logging
import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import monotonic

import numpy as np
import torch

from models.demo.train.drawing import CROWDED, drawn, scene_of
from models.demo.train.evaluate import evaluate, report
from models.demo.train.export import export
from models.demo.train.facts import facts_of
from models.demo.train.labels import labels_of
from models.demo.train.language import Lessons, Reader, teach_reading, teach_together
from models.demo.train.network import Eyes
from models.demo.train.training import DEVICE, Budget
from models.demo.train.vision import Seen, teach
from models.demo.train.words import Words, learn

log = logging.getLogger("train")

ROOT = Path(__file__).parents[3]
BUNDLED = ROOT / "models" / "demo"
SEED = 407
KEPT = 500  # scenes to look at while training
# Of the minutes. Seeing and reading are learned side by side, each on half of the cores, until
# reading is done; then what was read is learned anew from what is seen. The rest is for drawing
# and the examination.
SEEING, READING, TOGETHER = 0.68, 0.36, 0.14
PICTURES_PER_MINUTE = 500  # of each split, for each minute there is: the eyes see each about once
TOKENIZER_SCENES = 3000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m models.demo.train")
    parser.add_argument("--minutes", type=float, default=50.0, help="for everything")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "train-demo")
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core")
    parser.add_argument("--scenes", type=int, default=60, help="examined, of each condition")
    parser.add_argument("--install", action="store_true", help="replace the bundled model")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.install:
        return install(options.out / "model")
    start_log(options.out)
    train(options.out, options.minutes, options.threads or os.cpu_count() or 1)
    marks = evaluate(options.out / "model", options.scenes)
    (options.out / "report.md").write_text(report(marks))
    (options.out / "faults.txt").write_text("\n".join(marks.faults) + "\n")
    log.info("examined; the report is %s", options.out / "report.md")
    return 0


def train(out: Path, minutes: float, threads: int) -> None:
    began = monotonic()
    count = int(PICTURES_PER_MINUTE * minutes)
    log.info("drawing %d pictures; training on %s, %d threads", 2 * count, DEVICE, threads)
    drawn(out / f"{CROWDED}.npy", CROWDED, count)
    lessons, kept = lessons_of(out, "learned", count), lessons_of(out, "kept", KEPT)
    log.info("drawn after %.0f s", monotonic() - began)
    learn(lessons.facts[:TOKENIZER_SCENES], out / "tokenizer.json")
    words = Words(out / "tokenizer.json")
    torch.manual_seed(SEED)
    reader = Reader(words).to(DEVICE)
    with ProcessPoolExecutor(1, get_context("spawn")) as beside:
        seeing = beside.submit(learn_to_see, out, count, minutes * 60 * SEEING, threads)
        torch.set_num_threads(max(1, threads // 2))
        reading = Budget("reading", minutes * 60 * READING, out / "reading.pt")
        teach_reading(reader, lessons, Lessons(kept.facts, kept.labels), words, reading)
        seeing.result()
    torch.set_num_threads(threads)
    eyes = Eyes().to(DEVICE, memory_format=torch.channels_last)
    eyes.load_state_dict(torch.load(out / "eyes.pt", map_location=DEVICE)["weights"]["eyes"])
    together = Budget("together", minutes * 60 * TOGETHER, out / "together.pt")
    teach_together((eyes, reader), lessons, kept, words, together)
    export(eyes, reader, out / "tokenizer.json", out / "model")
    log.info("exported after %.0f s", monotonic() - began)


def learn_to_see(out: Path, count: int, seconds: float, threads: int) -> None:
    """In a process of its own; the eyes are what it leaves in its checkpoint."""
    start_log(out)
    torch.manual_seed(SEED)
    usual, crowded = (lessons_of(out, split, count) for split in ("learned", CROWDED))
    assert usual.pictures is not None and crowded.pictures is not None
    pictures = np.concatenate([usual.pictures, crowded.pictures])
    lessons = Seen(pictures, usual.labels.and_then(crowded.labels), count)
    looked_at = lessons_of(out, "kept", KEPT)
    assert looked_at.pictures is not None
    kept = Seen(looked_at.pictures, looked_at.labels, KEPT)
    eyes = Eyes().to(DEVICE, memory_format=torch.channels_last)

    def use_cores(progress: float) -> None:
        beside = progress < READING / SEEING
        torch.set_num_threads(max(1, threads // 2) if beside else threads)

    teach(eyes, lessons, kept, Budget("eyes", seconds, out / "eyes.pt"), use_cores)


def lessons_of(out: Path, split: str, count: int) -> Lessons:
    pictures = drawn(out / f"{split}.npy", split, count)
    scenes = [scene_of(split, number) for number in range(count)]
    return Lessons([facts_of(scene) for scene in scenes], labels_of(scenes), pictures)


def install(model: Path) -> int:
    """Only the model's own files are replaced; the card is for a person to write."""
    for file in sorted(model.iterdir()):
        shutil.copyfile(file, BUNDLED / file.name)
    sys.stdout.write(f"{BUNDLED} is now {model}; put its report into README.md\n")
    return 0


def start_log(out: Path) -> None:
    form = "%(asctime)s %(message)s"
    files: list[logging.Handler] = [logging.FileHandler(out / "log"), logging.StreamHandler()]
    logging.basicConfig(level=logging.INFO, format=form, handlers=files)


if __name__ == "__main__":
    sys.exit(main())

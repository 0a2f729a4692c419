"""
`make train-demo`: the demo model, from a seed to a folder that Lookout can serve.

    python -m models.demo.train [--minutes 55] [--out build/train-demo] [--until export]

Broken off, it goes on where it was when it is started again with the same --out.
`--install` puts the finished model in the place of the bundled one; nothing else does.
"""

import argparse
import logging
import os
import shutil
import sys
from pathlib import Path
from time import monotonic

import torch

from models.demo.train.drawing import drawn, scene_of
from models.demo.train.evaluate import evaluate, report
from models.demo.train.export import export
from models.demo.train.facts import facts_of
from models.demo.train.labels import labels_of
from models.demo.train.language import Lessons, Reader, teach_reading, teach_together
from models.demo.train.network import Eyes
from models.demo.train.training import DEVICE, Budget
from models.demo.train.vision import teach
from models.demo.train.words import Words, learn

log = logging.getLogger("train")

ROOT = Path(__file__).parents[3]
BUNDLED = ROOT / "models" / "demo"
SEED = 407
KEPT = 500  # scenes to look at while training
# Of the minutes, what each stage has; the rest is for drawing, compiling and the examination.
EYES, READING, TOGETHER = 0.27, 0.24, 0.36
PICTURES_PER_MINUTE = 1300  # drawn for each minute there is: enough for each to be seen twice
TOKENIZER_SCENES = 3000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m models.demo.train")
    parser.add_argument("--minutes", type=float, default=55.0, help="for everything")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "train-demo")
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core")
    parser.add_argument("--scenes", type=int, default=60, help="examined, of each condition")
    parser.add_argument("--install", action="store_true", help="replace the bundled model")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.install:
        return install(options.out / "model")
    start_log(options.out)
    torch.set_num_threads(options.threads or os.cpu_count() or 1)
    train(options.out, options.minutes)
    marks = evaluate(options.out / "model", options.scenes)
    (options.out / "report.md").write_text(report(marks))
    (options.out / "faults.txt").write_text("\n".join(marks.faults) + "\n")
    log.info("examined; the report is %s", options.out / "report.md")
    return 0


def train(out: Path, minutes: float) -> None:
    began = monotonic()
    count = int(PICTURES_PER_MINUTE * minutes)
    log.info("drawing %d pictures; training on %s", count, DEVICE)
    lessons, kept = lessons_of(out, "learned", count), lessons_of(out, "kept", KEPT)
    log.info("drawn after %.0f s", monotonic() - began)
    learn(lessons.facts[:TOKENIZER_SCENES], out / "tokenizer.json")
    words = Words(out / "tokenizer.json")
    torch.manual_seed(SEED)
    eyes = Eyes().to(DEVICE, memory_format=torch.channels_last)
    reader = Reader(words).to(DEVICE)
    seconds = minutes * 60
    assert lessons.pictures is not None and kept.pictures is not None
    teach(
        eyes,
        (lessons.pictures, lessons.labels),
        (kept.pictures, kept.labels),
        Budget("eyes", seconds * EYES, out / "eyes.pt"),
    )
    blind = Lessons(kept.facts, kept.labels)
    teach_reading(
        reader, lessons, blind, words, Budget("reading", seconds * READING, out / "reading.pt")
    )
    together = Budget("together", seconds * TOGETHER, out / "together.pt")
    teach_together((eyes, reader), lessons, kept, words, together)
    export(eyes, reader, out / "tokenizer.json", out / "model")
    log.info("exported after %.0f s", monotonic() - began)


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

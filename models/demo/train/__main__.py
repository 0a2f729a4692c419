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
from pathlib import Path

from models.demo.train.course import start_log, train
from models.demo.train.evaluate import evaluate
from models.demo.train.grid import save
from models.demo.train.report import report

log = logging.getLogger("train")

ROOT = Path(__file__).parents[3]
BUNDLED = ROOT / "models" / "demo"


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
    save(marks.described, options.out / "grid.jpg")
    (options.out / "faults.txt").write_text("\n".join(marks.faults) + "\n")
    log.info("examined: report.md, grid.jpg, faults.txt")
    return 0


def install(model: Path) -> int:
    """Only the model's own files are replaced; the card is for a person to write."""
    for file in sorted(model.iterdir()):
        shutil.copyfile(file, BUNDLED / file.name)
    sys.stdout.write(f"{BUNDLED} is now {model}; put its report into README.md\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""
The stages one after the other; seeing and reading side by side.

Apart from the command line, because a process of its own imports it.
"""

import logging
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from pathlib import Path
from time import monotonic

import numpy as np
import torch

from models.demo.train.drawing import CROWDED, drawn, scene_of
from models.demo.train.export import export
from models.demo.train.facts import facts_of
from models.demo.train.labels import labels_of
from models.demo.train.language import Lessons, Reader, teach_reading, teach_together
from models.demo.train.network import Eyes
from models.demo.train.training import DEVICE, Budget
from models.demo.train.vision import Seen, teach
from models.demo.train.words import Words, learn

log = logging.getLogger("train")

SEED = 407
KEPT = 500  # scenes to look at while training
# Of the minutes. Seeing and reading are learned side by side, each on half of the cores; then
# reading goes on from what is seen. The rest is for drawing and the examination.
APART, TOGETHER = 0.66, 0.2
PICTURES_PER_MINUTE = 455  # of each split, for each minute there is: each is seen one to four times
TOKENIZER_SCENES = 3000


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
        each = max(1, threads // 2)
        seeing = beside.submit(learn_to_see, out, count, minutes * 60 * APART, each)
        torch.set_num_threads(each)
        reading = Budget("reading", minutes * 60 * APART, out / "reading.pt")
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
    threading.Thread(target=end_with_parent, daemon=True).start()
    start_log(out)
    torch.set_num_threads(threads)
    torch.manual_seed(SEED)
    usual, crowded = (lessons_of(out, split, count) for split in ("learned", CROWDED))
    assert usual.pictures is not None and crowded.pictures is not None
    pictures = np.concatenate([usual.pictures, crowded.pictures])
    lessons = Seen(pictures, usual.labels.and_then(crowded.labels), count)
    looked_at = lessons_of(out, "kept", KEPT)
    assert looked_at.pictures is not None
    kept = Seen(looked_at.pictures, looked_at.labels, KEPT)
    eyes = Eyes().to(DEVICE, memory_format=torch.channels_last)
    teach(eyes, lessons, kept, Budget("eyes", seconds, out / "eyes.pt"))


def end_with_parent() -> None:
    """Or whoever kills the training would leave half of it running."""
    if parent := parent_process():
        parent.join()
        os._exit(1)


def lessons_of(out: Path, split: str, count: int) -> Lessons:
    pictures = drawn(out / f"{split}.npy", split, count)
    scenes = [scene_of(split, number) for number in range(count)]
    return Lessons([facts_of(scene) for scene in scenes], labels_of(scenes), pictures)


def start_log(out: Path) -> None:
    form = "%(asctime)s %(message)s"
    files: list[logging.Handler] = [logging.FileHandler(out / "log"), logging.StreamHandler()]
    logging.basicConfig(level=logging.INFO, format=form, handlers=files)

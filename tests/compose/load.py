"""Questions that are asked all the time, and what became of each."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from time import monotonic

import openai

from tests.compose.asking import ask

CLIENTS = 16  # twice as many as the engine has slots, so that some always wait


@dataclass(frozen=True)
class Asked:
    began: float
    ended: float
    error: str = ""  # empty: it was answered


@contextmanager
def asked_all_the_time(client: openai.OpenAI) -> Iterator[list[Asked]]:
    """Chats that follow one another, sixteen at a time; those that have ended."""
    asked, over = list[Asked](), threading.Event()

    def go_on() -> None:
        while not over.is_set():
            began = monotonic()
            try:
                ask(client)
                asked.append(Asked(began, monotonic()))
            except openai.OpenAIError as error:
                asked.append(Asked(began, monotonic(), f"{type(error).__name__}: {error}"))
                time.sleep(0.1)  # as a client would that tries again

    threads = [threading.Thread(target=go_on) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield asked
    finally:
        over.set()
        for thread in threads:
            thread.join()


def longest_silence_s(asked: Sequence[Asked], since: float) -> float:
    """Without any answer, after *since*."""
    answered = sorted(one.ended for one in asked if not one.error and one.ended > since)
    return max(after - before for before, after in pairwise([since, *answered]))

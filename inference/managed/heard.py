"""What a program writes: its last lines, and what they say about how far it has come. Bounded."""

import logging
import re
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

from bus.log import mask
from inference.managed.recipe import Progress
from inference.supervised import Note

log = logging.getLogger(__name__)

LINES = 40
LONGEST = 500  # characters of a line
TELL_EVERY_S = 10.0  # while nothing but a number changes
END_OF_LINE = re.compile(rb"[\r\n]+")  # progress bars begin their line anew
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[^\x20-\U0010ffff]")
NUMBERS = re.compile(r"[\d.,]+")
LATELY = 12  # lines among which we look for what went wrong
WRONG = re.compile(r"(?i)error|exception|fail|abort|assert|invalid|cannot|couldn't|unable|no such")


class Heard:
    """Listens to one life of *name*; its *key* is never told."""

    def __init__(self, name: str, key: str, progress: Sequence[Progress], note: Note) -> None:
        self._name, self._key, self._progress, self._note = name, key, progress, note
        self._lines = deque[str](maxlen=LINES)
        self._rest = b""
        self._told, self._told_at = "", 0.0
        self.on_progress: Callable[[], None] | None = None  # None: nobody waits for it any more

    def hear(self, data: bytes) -> None:
        *lines, rest = END_OF_LINE.split(self._rest + data)
        self._rest = rest[:LONGEST]
        for line in lines:
            self._hear_line(self._clean(line))

    @property
    def lines(self) -> list[str]:
        return [line for line in (*self._lines, self._clean(self._rest)) if line]

    def last_words(self) -> list[str]:
        """Those of the last lines that tell of an error; else all of them."""
        lately = self.lines[-LATELY:]
        return [line for line in lately if WRONG.search(line)] or lately

    def _clean(self, line: bytes) -> str:
        text = ESCAPES.sub("", line[: 4 * LONGEST].decode(errors="replace"))
        return mask(text.replace(self._key, "***")).strip()[:LONGEST]

    def _hear_line(self, line: str) -> None:
        if not line:
            return
        self._lines.append(line)
        log.debug("program says name=%s: %s", self._name, line)
        for progress in self._progress if self.on_progress else ():
            if found := progress.pattern.search(line):
                self._tell(progress.told.format(*found.groups()))
                break

    def _tell(self, told: str) -> None:
        if told == self._note.text or not self.on_progress:
            return
        self._note.text = told
        self.on_progress()
        kind, now = NUMBERS.sub("", told), monotonic()
        if kind != self._told or now - self._told_at > TELL_EVERY_S:
            self._told, self._told_at = kind, now
            log.info("program loading name=%s: %s", self._name, told)

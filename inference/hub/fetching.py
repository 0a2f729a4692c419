"""The program that fetches a model, seen by the process that wants the model."""

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from time import monotonic

from bus.child import kill_group, spawn
from bus.errors import EngineError
from bus.messages import Failed
from inference.hub.cache import Cached, megabytes
from inference.hub.wire import Begun, Fetched, Progress, Said, Waiting, decode
from inference.supervised import NOTE

log = logging.getLogger(__name__)

SILENT_S = 180.0  # a program that says nothing for so long hangs
LOG_EVERY_S, LOG_EVERY = 5.0, 0.1  # seconds and share of the whole that must have passed, both
LOG_AT_LEAST_S = 60.0  # however little has come


class Told:
    """Passes on how far it is: all of it as what the process does, less of it to the log."""

    def __init__(self, cached: Cached) -> None:
        self._cached, self.note = cached, NOTE.get()
        self._begun = Begun("", 0, 0, 0)
        self._logged, self._logged_at = 0, 0.0

    def hear(self, said: Said) -> None:
        match said:
            case Begun():
                self._begun, self._logged, self._logged_at = said, said.present, monotonic()
                self._announce(said)
            case Progress(present):
                self._progress(present)
            case Waiting():
                self._tell("another process downloads the model")

    def _announce(self, begun: Begun) -> None:
        log.info(
            "model fetching name=%s commit=%s files=%d size_mb=%s present_mb=%s folder=%s",
            self._cached.model,
            begun.commit,
            begun.files,
            megabytes(begun.size),
            megabytes(begun.present),
            self._cached.folder,
        )

    def _progress(self, present: int) -> None:
        size = self._begun.size
        text = f"downloading the model: {megabytes(present)} of {megabytes(size)} MB"
        self.note.text = text
        since_s = monotonic() - self._logged_at
        much = present - self._logged >= LOG_EVERY * size
        if (much and since_s > LOG_EVERY_S) or since_s > LOG_AT_LEAST_S:
            self._logged, self._logged_at = present, monotonic()
            log.info("program loading name=%s: %s", self._cached.model, text)

    def _tell(self, text: str) -> None:
        if text != self.note.text:
            self.note.text = text
            log.info("program loading name=%s: %s", self._cached.model, text)


async def fetched(module: str, cached: Cached) -> Path:
    """
    Where the model is, once *module* has brought it.

    Raise `BadSettings` if that can never work, `EngineError` if it did not this time.
    """
    model, told, began = cached.model, Told(cached), monotonic()
    command = (sys.executable, "-m", module, model.repository, model.revision)
    child = await spawn(command, stdout=PIPE)
    try:
        async with asyncio.timeout(SILENT_S) as limit:
            folder = await _end(child, told, limit)
    except TimeoutError as error:
        raise EngineError(f"the download of {model} hung for {SILENT_S:g} s") from error
    finally:
        told.note.text = ""
        kill_group(child)
        await child.wait()
    log.info("model fetched name=%s took_s=%.1f", model, monotonic() - began)
    return folder


async def _end(child: Process, told: Told, limit: asyncio.Timeout) -> Path:
    clock = asyncio.get_running_loop().time
    while child.stdout and (line := await child.stdout.readline()):
        limit.reschedule(clock() + SILENT_S)
        match said := decode(line):
            case Fetched(folder):
                return Path(folder)
            case Failed():
                raise said.error()
        told.hear(said)
    raise EngineError(f"the program that downloads the model died: {await child.wait()}")

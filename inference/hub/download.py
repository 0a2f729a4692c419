"""
Brings a model's files to this disk: what is missing of them, and nothing twice.

A file that breaks off is continued where it ended, also by another process later. It gets
its name once its size and its checksum are those that the hub told.
"""

import fcntl
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bus.errors import BadSettings, EngineError
from inference.hub.cache import Cached, Entry, Listing, free_bytes, megabytes
from inference.hub.client import FILE_PAUSES_S, Away, Client, persistently

CHUNK = 1 << 20  # bytes
SHA256_DIGITS = 64
TRIES = 2  # of a file whose checksum is wrong
LOOK_S = 0.5  # at a lock that another process holds
SPARE = 50_000_000  # bytes that the disk shall keep

Tell = Callable[[int], None]  # of the bytes that are here


class Download:
    """The missing files of one *listing*; *tell* hears how much is here, of all of them."""

    def __init__(self, client: Client, cached: Cached, listing: Listing, tell: Tell) -> None:
        self._client, self._cached, self._listing, self._tell = client, cached, listing, tell
        self._present = cached.present(listing)

    def run(self) -> Path:
        """The folder of the model."""
        self._refuse_large()
        (self._cached.folder / "blobs").mkdir(parents=True, exist_ok=True)
        for entry in self._listing.entries:
            if not self._cached.has(entry):
                self._bring(entry)
        return self._cached.finish(self._listing)

    def _refuse_large(self) -> None:
        missing = self._listing.size - self._present
        free = free_bytes(self._cached.folder)
        if missing + SPARE > free:
            raise BadSettings(
                f"{self._cached.model} needs {megabytes(missing)} MB more, and the disk of"
                f" {self._cached.root} has {megabytes(free)} MB left: make room,"
                " or name another folder with HF_HOME"
            )

    def _bring(self, entry: Entry) -> None:
        part = self._cached.part(entry)
        for _ in range(TRIES):
            self._get(entry, part)
            if self._digest(part, entry) == entry.digest:
                part.replace(self._cached.blob(entry))
                return
            self._drop(part)
        raise EngineError(f"what came as {entry.path} is not what the hub says it is")

    def _get(self, entry: Entry, part: Path) -> None:
        persistently(lambda: self._continue(entry, part), FILE_PAUSES_S, gained=lambda: _size(part))

    def _continue(self, entry: Entry, part: Path) -> None:
        """Get what *part* does not have yet."""
        if _size(part) > entry.size:
            self._drop(part)
        if entry.size and _size(part) == entry.size:
            return
        with self._client.opened(self._listing.commit, entry, _size(part)) as response:
            if response.status_code != httpx.codes.PARTIAL_CONTENT:
                self._drop(part)
            with part.open("ab") as file:
                for chunk in response.iter_raw():
                    self._present += file.write(chunk)
                    self._tell(self._present)
        if _size(part) < entry.size:
            raise Away(f"{entry.path} ended early")

    def _drop(self, part: Path) -> None:
        self._present -= _size(part)
        part.unlink(missing_ok=True)

    def _digest(self, file: Path, entry: Entry) -> str:
        """Of what *file* holds, in the kind that the hub told."""
        large = len(entry.digest) == SHA256_DIGITS
        digest = hashlib.sha256() if large else hashlib.sha1(b"blob %d\0" % entry.size)
        with file.open("rb") as data:
            while chunk := data.read(CHUNK):
                digest.update(chunk)
                self._tell(self._present)  # also on a slow disk it is seen to live
        return digest.hexdigest()


@contextmanager
def alone(cached: Cached, waiting: Callable[[], None]) -> Iterator[None]:
    """No two of our processes fetch one model; *waiting* is told while another does."""
    cached.locks.mkdir(parents=True, exist_ok=True)
    with (cached.locks / "lookout.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waiting()
                time.sleep(LOOK_S)
        yield


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0

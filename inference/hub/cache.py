"""
What lies on this disk of a hub's models, in the folders that all tools of the hub share.

    models--OpenVINO--InternVL2-1B-int4-ov/
        blobs/DIGEST             what a file holds
        snapshots/COMMIT/FILE    a link to it
        refs/main                the commit that the branch was at
        .lookout/COMMIT.json     which files of it we need: ours, the others pass it by

A look into it asks nobody: what is whole here needs no network.
"""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from inference.hub.name import HubModel

PART = ".lookout.incomplete"  # of a file that is not all here
PLACES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
TRUE = ("1", "ON", "YES", "TRUE")


class Entry(msgspec.Struct, frozen=True):
    """A file of a model. The digest is the SHA-256 of a large one, git's of a small one."""

    path: str
    size: int  # bytes
    digest: str


class Listing(msgspec.Struct, frozen=True):
    """The files that are needed of one commit."""

    commit: str
    entries: tuple[Entry, ...]

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)


def root(env: Mapping[str, str]) -> Path:
    """Where the hub's own tools keep models, too."""
    for name in PLACES:
        if env.get(name):
            return Path(os.path.expandvars(env[name])).expanduser()
    return home(env) / "hub"


def home(env: Mapping[str, str]) -> Path:
    caches = env.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expandvars(env.get("HF_HOME") or f"{caches}/huggingface")).expanduser()


def is_offline(env: Mapping[str, str]) -> bool:
    """Whether the hub's own tools were told not to ask it."""
    told = env.get("HF_HUB_OFFLINE") or env.get("TRANSFORMERS_OFFLINE", "")
    return told.upper() in TRUE


@dataclass(frozen=True)
class Cached:
    """What lies here of one model."""

    root: Path
    model: HubModel

    @property
    def folder(self) -> Path:
        return self.root / f"models--{self.model.repository.replace('/', '--')}"

    @property
    def locks(self) -> Path:
        return self.root / ".locks" / self.folder.name

    def commit(self) -> str:
        """The commit of its revision, as it was when it was asked for last; "" if it never was."""
        if self.model.is_pinned:
            return self.model.revision
        with suppress(OSError):
            return (self.folder / "refs" / self.model.revision).read_text().strip()
        return ""

    def snapshot(self) -> Path | None:
        """The folder of its files, whole or not."""
        commit = self.commit()
        folder = self.folder / "snapshots" / commit
        return folder if commit and folder.is_dir() else None

    def listing(self) -> Listing | None:
        try:
            return msgspec.json.decode(self._note(self.commit()).read_bytes(), type=Listing)
        except (OSError, ValueError):
            return None

    def whole(self) -> Path | None:
        """The folder of its files, if all that are needed are known to be there."""
        snapshot, listing = self.snapshot(), self.listing()
        if not snapshot or not listing:
            return None
        whole = all(_size(snapshot / entry.path) == entry.size for entry in listing.entries)
        return snapshot if whole else None

    def blob(self, entry: Entry) -> Path:
        return self.folder / "blobs" / entry.digest

    def part(self, entry: Entry) -> Path:
        return self.folder / "blobs" / (entry.digest + PART)

    def present(self, listing: Listing) -> int:
        """Bytes of it that lie here, of files that are whole and of others."""
        return sum(
            entry.size if self.has(entry) else max(0, _size(self.part(entry)))
            for entry in listing.entries
        )

    def has(self, entry: Entry) -> bool:
        return _size(self.blob(entry)) == entry.size

    def finish(self, listing: Listing) -> Path:
        """Make one folder of files that are all here; its path."""
        snapshot = self.folder / "snapshots" / listing.commit
        for entry in listing.entries:
            _link(snapshot / entry.path, self.blob(entry))
        _write(self._note(listing.commit), msgspec.json.encode(listing))
        if not self.model.is_pinned:
            _write(self.folder / "refs" / self.model.revision, listing.commit.encode())
        return snapshot

    def _note(self, commit: str) -> Path:
        return self.folder / ".lookout" / f"{commit}.json"


def said(cached: Cached) -> str:
    """In words, what lies here of a model that is not whole."""
    sizes = [_size(file) for file in (cached.folder / "blobs").glob("*")]
    if not sizes:
        return f"nothing of it lies in {cached.root}"
    return f"of it, {megabytes(sum(sizes))} MB lie in {cached.folder}"


def megabytes(size: float) -> str:
    return f"{size / 1e6:.0f}" if size >= 1e7 else f"{size / 1e6:.1f}"


def free_bytes(folder: Path) -> int:
    """How much may be written to *folder*, which need not exist yet."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


def _size(file: Path) -> int:
    """Bytes; -1 if it is not there."""
    try:
        return file.stat().st_size
    except OSError:
        return -1


def _link(file: Path, blob: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    try:
        file.symlink_to(os.path.relpath(blob, file.parent))
    except OSError:  # a disk that knows no links
        shutil.copyfile(blob, file)


def _write(file: Path, data: bytes) -> None:
    """At once: whoever reads meanwhile finds the old or the new."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unseen = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    unseen.write_bytes(data)
    unseen.replace(file)

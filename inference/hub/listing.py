"""What the hub answers when it is asked for a model. Pure."""

import re
from typing import Annotated

import msgspec

from inference.hub.cache import Entry

DIGEST = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
COMMIT = r"^[0-9a-f]{40}$"


class Large(msgspec.Struct, frozen=True):
    sha256: str


class Sibling(msgspec.Struct, frozen=True, rename="camel"):
    """One of its files."""

    rfilename: str
    size: int | None = None
    blob_id: str = ""
    lfs: Large | None = None

    def entry(self) -> Entry:
        """Raise `ValueError` where it cannot be checked what comes: it becomes a file's name."""
        digest = self.lfs.sha256 if self.lfs else self.blob_id
        if self.size is None or not DIGEST.fullmatch(digest):
            raise ValueError(f"no size, or no checksum, of {self.rfilename}")
        return Entry(self.rfilename, self.size, digest)


class Answer(msgspec.Struct, frozen=True):
    sha: Annotated[str, msgspec.Meta(pattern=COMMIT)]
    siblings: tuple[Sibling, ...] = ()

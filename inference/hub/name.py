"""Models of the Hugging Face Hub as they are named: `OpenVINO/InternVL2-1B-int4-ov@main`. Pure."""

import re

import msgspec

NAMED = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*)(?:@(\w[\w./-]*))?", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")


class HubModel(msgspec.Struct, frozen=True):
    repository: str  # whose it is, and its name: `OpenVINO/InternVL2-1B-int4-ov`
    revision: str = "main"  # a branch, a tag or a commit

    @property
    def name(self) -> str:
        return self.repository.rpartition("/")[2]

    @property
    def is_pinned(self) -> bool:
        """Whether it can never become another one."""
        return bool(COMMIT.fullmatch(self.revision))

    def __str__(self) -> str:
        revision = "" if self.revision == "main" else f"@{self.revision}"
        return f"{self.repository}{revision}"


def parse_name(text: str) -> HubModel | None:
    """The model that *text* names; None if it cannot be the name of one."""
    found = NAMED.fullmatch(text)
    if not found or ".." in text:
        return None
    repository, revision = found.groups()
    return HubModel(repository, revision or "main")

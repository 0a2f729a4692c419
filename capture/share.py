"""Which cameras a process shall hold when several share them. Pure."""

from collections.abc import Container, Mapping
from math import ceil


def choose(owners: Mapping[str, str], us: str, processes: int, orphans: Container[str]) -> set[str]:
    """
    The cameras we shall hold from now on; *owners* has "" for one that nobody holds.

    We take free ones up to our share, and *orphans*, which nobody took in time, beyond
    it; of a surplus we let go one, for moving a camera costs it a second of pictures.
    """
    share = ceil(len(owners) / max(1, processes))
    ours = sorted(camera for camera, owner in owners.items() if owner == us)
    free = sorted(camera for camera, owner in owners.items() if not owner)
    room = max(0, share - len(ours))
    kept = ours[:-1] if len(ours) > share else ours
    return {*kept, *free[:room], *(camera for camera in free if camera in orphans)}

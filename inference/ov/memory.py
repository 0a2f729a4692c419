"""
Whether a model fits into the memory that is free, before it is loaded.

Without that look the system kills a process, and not always this one.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from bus.errors import BadSettings
from inference.ov.settings import Settings

BASE = 300_000_000  # bytes; OpenVINO itself, with its tokenizers
# Bytes of memory for each byte of weights, measured on a CPU with AVX-512, where OpenVINO
# unpacks halves to floats and arranges them anew; weights of 8 and 4 bits it only arranges.
HALVES, SMALL = 3.0, 1.2
SMALL_WEIGHTS = re.compile(rb'element_type="[iu][48]"')

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def check(settings: Settings, proc: Path = PROC, cgroups: Path = CGROUPS) -> None:
    """Raise `BadSettings` if the model will not fit; where that cannot be known, be silent."""
    if not settings.query.may_check_memory or "CPU" not in settings.query.device:
        return
    needed, free = need(settings), available(proc, cgroups)
    if free is not None and needed > free:
        raise BadSettings(
            f"{settings.model} needs about {needed / 1e9:.1f} GB of memory, and"
            f" {max(0, free) / 1e9:.1f} GB are free here: take a smaller model, or one of 4-bit"
            " weights; check_memory=off tries it all the same"
        )


def need(settings: Settings) -> int:
    """Bytes, about."""
    weights = sum(_weights(network) for network in settings.path.glob("openvino_*.xml"))
    return round(BASE + weights + settings.query.cache_gb * 1e9)


def available(proc: Path, cgroups: Path) -> int | None:
    """Bytes that may still be used, here and in each group this process is limited by."""
    return min([*_machine(proc), *_limits(proc, cgroups)], default=None)


def _weights(network: Path) -> float:
    try:
        size = network.with_suffix(".bin").stat().st_size
        small = SMALL_WEIGHTS.search(network.read_bytes())
    except OSError:
        return 0
    return size * (SMALL if small else HALVES)


def _machine(proc: Path) -> Iterator[int]:
    try:
        lines = (proc / "meminfo").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _limits(proc: Path, cgroups: Path) -> Iterator[int]:
    for group in _groups(proc, cgroups):
        yield from _left(group, "memory.max", "memory.current", "")
    first = cgroups / "memory"  # as systems have it that are older than the second version
    yield from _left(first, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_")


def _left(group: Path, most: str, current: str, prefix: str) -> Iterator[int]:
    limit, used = _number(group / most), _number(group / current)
    if limit is not None and used is not None:
        yield limit - used + _cache(group, prefix)


def _groups(proc: Path, cgroups: Path) -> Iterator[Path]:
    """The group of this process and those around it; inside a container, only its own is seen."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("0::/"):
            group = cgroups / line.removeprefix("0::/")
            yield from (path for path in (group, *group.parents) if path.is_relative_to(cgroups))


def _cache(group: Path, prefix: str) -> int:
    """Bytes of files that the group gives back when it needs room."""
    try:
        lines = (group / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    known = dict(line.split() for line in lines)
    kinds = (f"{prefix}inactive_file", f"{prefix}active_file")
    return sum(int(known.get(kind, 0)) for kind in kinds)


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # `max`: no limit
        return None

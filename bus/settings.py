"""
Settings from the environment: `LOOKOUT_PORT=9001` fills the field `port`.

`REDIS_URL` keeps its usual name. A tuple is written with spaces between its items.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, get_origin, get_type_hints

import msgspec

from bus.errors import BadSettings

T = TypeVar("T", bound=msgspec.Struct)


def default_run_dir() -> str:
    """A directory of this user in memory, where the system has one."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    return str(parent / f"lookout-{os.getuid()}")


class BusSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every process needs to meet the others."""

    redis_url: str = "redis://127.0.0.1:6379/0"
    run_dir: str = msgspec.field(default_factory=default_run_dir)
    process: str = ""  # id of this process; made from name and pid when empty
    log_level: str = "INFO"
    log_format: str = "auto"  # text, json, or auto: text on a terminal


def variable(field: str) -> str:
    """The environment variable that fills *field*."""
    return "REDIS_URL" if field == "redis_url" else f"LOOKOUT_{field.upper()}"


def read(kind: type[T], env: Mapping[str, str] = os.environ) -> T:
    """
    Fill *kind* from *env*; a variable that is unset or empty keeps its default.

    Raise `BadSettings` that names the variable when a value does not fit.
    """
    values: dict[str, object] = {}
    for field, hint in get_type_hints(kind).items():
        text = env.get(variable(field), "")
        if text:
            values[field] = text.split() if get_origin(hint) is tuple else text
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadSettings(_explain(str(error))) from error


def _explain(error: str) -> str:
    """`Expected `int`, got `str` - at `$.port`` in terms of the variable."""
    reason, _, path = error.partition(" - at `$.")
    return f"{variable(path.rstrip('`'))}: {reason[:1].lower()}{reason[1:]}"

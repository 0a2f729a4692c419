"""
Settings from the environment: `LOOKOUT_PORT=9001` fills the field `port`.

`REDIS_URL` keeps its usual name. A tuple is written with spaces between its items.
What the environment does not say may stand in the TOML file that LOOKOUT_SETTINGS names,
under the names of the fields: `port = 9001`.
"""

import os
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from bus import ancestor
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
    settings: str = ""  # a file with more of them
    run_dir: str = msgspec.field(default_factory=default_run_dir)
    process: str = ""  # id of this process; made from name and pid when empty
    log_level: str = "INFO"
    log_format: str = "auto"  # text, json, or auto: text on a terminal
    alive_file: str = ""  # touched with every heartbeat


def variable(field: str) -> str:
    """The environment variable that fills *field*."""
    return "REDIS_URL" if field == "redis_url" else f"LOOKOUT_{field.upper()}"


def read(kind: type[T], env: Mapping[str, str] = os.environ) -> T:
    """
    Fill *kind* from *env*, then from its settings file, then from the ancestor's files that
    it names, then with defaults.

    Raise `BadSettings` that names the variable, or the key of the file, that does not fit.
    """
    file = env.get(variable("settings"), "")
    values = ancestor.values(env) | (read_file(file) if file else {})
    given = set[str]()
    for field, hint in get_type_hints(kind).items():
        if text := env.get(variable(field), ""):
            values[field] = text.split() if _is_list(hint) else text
            given.add(field)
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadSettings(_explain(str(error), given, file)) from error


def read_file(file: str) -> dict[str, Any]:
    """The keys of a settings file, whatever they are."""
    try:
        return tomllib.loads(Path(file).read_text())
    except (OSError, ValueError) as error:
        raise BadSettings(f"LOOKOUT_SETTINGS: {file}: {error}") from error


def _is_list(hint: object) -> bool:
    return get_origin(hint) is tuple or any(get_origin(part) is tuple for part in get_args(hint))


def _explain(error: str, given: set[str], file: str) -> str:
    """`Expected `int`, got `str` - at `$.port`` in terms of the variable, or of the file."""
    reason, _, path = error.partition(" - at `$.")
    path = path.rstrip("`")
    field = path.partition(".")[0].partition("[")[0]
    place = variable(field) if field in given or not file else f"{file}: {path}"
    return f"{place}: {reason[:1].lower()}{reason[1:]}"

"""What it takes to start one program for one model, and how to talk to it. Starts nothing."""

import re
import shlex
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from msgspec import Meta

from bus.errors import BadSettings
from bus.log import mask
from inference.upstream.client import MAX_SIDE
from inference.upstream.endpoint import Deadlines, Dialect

HOST = "127.0.0.1"
FETCH_S = 3600.0  # for a program that tells nothing of its download

Seconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(gt=0, le=1)]


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand behind the `?` of every program's URL."""

    id: str = ""  # the model's name here
    slots: Count = 8
    context: Annotated[int, Meta(ge=0)] = 0  # tokens of one request; 0: as the program likes
    program: str = ""  # to start in place of the one that is installed
    args: str = ""  # more arguments for it, as in a shell
    judge: Literal["auto", "text"] = "auto"
    max_side: Count = MAX_SIDE  # a larger picture is scaled down to it
    start_s: Seconds = 600.0  # from its start, or its last progress, until it answers
    start_most_s: Seconds = 7200.0  # however much progress it makes
    first_token_s: Seconds = Deadlines.first_token_s
    token_s: Seconds = Deadlines.token_s
    stop_s: Seconds = 0.7  # from being asked to end until it is killed


Q = TypeVar("Q", bound=Query)


@dataclass(frozen=True)
class Progress:
    """What a line of the program's log that has *pattern* in it is told as."""

    pattern: re.Pattern[str]
    told: str  # `{}` stands for the pattern's group


@dataclass(frozen=True)
class Advice:
    """What to do when the program did not start and said something with *pattern* in it."""

    pattern: re.Pattern[str]
    text: str  # `{}` stands for the pattern's group


@dataclass(frozen=True)
class Recipe:
    program: str  # its name in logs and errors
    model: str  # the id it answers to here
    served: str  # what the program itself calls the model
    query: Query
    dialect: Dialect
    command: Callable[[int, str], Sequence[str]]  # of a port and a key
    env: Callable[[str], Mapping[str, str]]  # of a key; beside what it inherits
    progress: Sequence[Progress]
    advice: Sequence[Advice] = ()
    from_hub: bool = False  # it may need the token of a hub of models
    facts: Callable[[], Mapping[str, object]] = field(default=dict)  # when it is ready
    # Whether the model takes pictures, known when the program is ready; None: ask the program.
    sees: Callable[[], bool | None] = field(default=lambda: None)
    probes: bool = True  # whether it survives to be asked what it can do


def parse(url: str, kind: type[Q], form: str) -> tuple[str, Q]:
    """The model and the settings in *url*, which is written like *form*."""
    parts = urlsplit(url)
    model = unquote(parts.path)
    if parts.netloc or not model or model.startswith("-"):
        raise BadSettings(f"bad engine URL {mask(url)!r}: write it as {form}")
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        return model, msgspec.convert(dict(pairs), kind, strict=False)
    except ValueError as error:
        known = ", ".join(kind.__struct_fields__)
        reason = f"bad engine URL {mask(url)!r}: {error}; it may set {known}"
        raise BadSettings(reason) from None


def patient(query: Q, *, fetches: bool) -> Q:
    """*query* with time for a download of which the program tells nothing."""
    return msgspec.structs.replace(query, start_s=max(query.start_s, FETCH_S)) if fetches else query


def installed(name: str, how: str) -> str:
    """The path of a program; *how* to install it if it is missing."""
    if found := shutil.which(Path(name).expanduser()):
        return found
    raise BadSettings(f"there is no program {name!r} here: {how}, or name it with program=")


def more_arguments(query: Query, owned: Iterable[str]) -> list[str]:
    """`args`, split as a shell does; raise for those that Lookout sets itself."""
    try:
        given = shlex.split(query.args)
    except ValueError as error:
        raise BadSettings(f"args={query.args!r}: {error}") from None
    taken = {flag.lstrip("-") for flag in owned}
    for argument in given:
        flag, _, _ = argument.partition("=")
        if flag.startswith("-") and flag.lstrip("-").replace("_", "-") in taken:
            raise BadSettings(f"args: {flag} is set by Lookout; leave it out")
    return given


def existing(path: str, what: str) -> Path:
    found = Path(path).expanduser().resolve()
    if not found.exists():
        raise BadSettings(f"there is no {what} {found}")
    return found

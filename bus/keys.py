"""
Keys: who may use what listens, and where one is asked for at all. Never logged, never echoed.

It is decided by the address that is listened on and not by who comes: behind a proxy on the
same machine everybody comes from loopback.
"""

import hmac
import logging
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from bus.errors import BadSettings
from bus.settings import BusSettings, variable

log = logging.getLogger(__name__)

ANONYMOUS = "anonymous"  # whoever comes where no key is asked for
PREFIX = "lk-"  # of the keys that we make
SHORTEST, LONGEST = 16, 256
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_SECRET = re.compile(rf"[!-~]{{{SHORTEST},{LONGEST}}}")


class KeySettings(BusSettings, frozen=True, kw_only=True):
    """Of a process that listens."""

    api_keys: tuple[str, ...] = ()  # keys, each as it is or as `name=key`
    api_keys_file: str = ""  # a file with more of them
    auth: Literal["auto", "off"] = "auto"  # off: ask for none, somebody else does


@dataclass(frozen=True)
class Key:
    secret: str = field(repr=False)
    name: str  # for logs, limits and ownership


class Keys:
    """All keys that open the door."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self.all = tuple(keys)
        self._digests = [(_digest(key.secret), key.name) for key in self.all]

    def __bool__(self) -> bool:
        return bool(self.all)

    def owner(self, secret: str) -> str | None:
        """The name of the key; None if it is none. How long that takes tells nothing."""
        given, found = _digest(secret), None
        for digest, name in self._digests:
            if hmac.compare_digest(digest, given):
                found = name
        return found


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def keys_of(settings: KeySettings) -> Keys:
    """Those that *settings* name. Raise `BadSettings`, without the text of any key."""
    keys = [_parse(text, variable("api_keys")) for text in settings.api_keys]
    if settings.api_keys_file:
        place = f"{variable('api_keys_file')}: {settings.api_keys_file}"
        keys += [_parse(text, place) for text in _lines(settings.api_keys_file, place)]
    return Keys(keys)


def keys_for(settings: KeySettings, host: str) -> Keys | None:
    """
    The keys of which what listens on *host* wants one; None: it wants none.

    Raise `BadSettings` when it must not listen there without a key, and there is none.
    """
    if settings.auth == "off":
        if not is_loopback(host):
            log.warning("no key is asked for host=%s: %s is off", host, variable("auth"))
        return None
    if keys := keys_of(settings):
        return keys
    if is_loopback(host):
        return None
    raise BadSettings(
        f"{variable('api_keys')}: what listens on {host or 'every address'} must ask for a key: "
        f"name one, or set {variable('auth')}=off where a proxy asks"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches *host*: each of its addresses, if it is a name."""
    try:
        found = socket.getaddrinfo(
            host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        return False
    addresses = [str(address[0]).partition("%")[0] for *_, address in found]
    return all(ip_address(address).is_loopback for address in addresses)


def _lines(file: str, place: str) -> list[str]:
    try:
        lines = Path(file).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadSettings(f"{place}: {reason}") from error
    keys = [word for line in lines if not line.startswith("#") for word in line.split()]
    if not keys:
        raise BadSettings(f"{place}: there is no key in it")
    return keys


def _parse(text: str, place: str) -> Key:
    """`kitchen=KEY`, or a key alone, which may end in `=` as base64 does."""
    name, _, secret = text.partition("=")
    if not secret.strip("="):
        secret = text
        name = "key-" + sha256(b"name of " + text.encode("utf-8", "replace")).hexdigest()[:8]
    if not _SECRET.fullmatch(secret):
        size = f"{SHORTEST} to {LONGEST}"
        raise BadSettings(f"{place}: a key has {size} printable ASCII characters, no spaces")
    if not _NAME.fullmatch(name) or name == ANONYMOUS:
        raise BadSettings(f"{place}: the name before = has up to 32 of A-Z a-z 0-9 . _ -")
    return Key(secret, name)

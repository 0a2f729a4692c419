"""The key that a stack makes for itself, and which key a command shows to which server."""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from bus.errors import BadSettings
from bus.keys import PREFIX, Key, is_loopback, keys_of
from bus.settings import read, variable
from compose.settings import LocalSettings

SECRET_BYTES = 32


def kept_at(data_dir: str) -> Path:
    return Path(data_dir) / "api-key"


def see_to(settings: LocalSettings) -> None:
    """Make a key where one is needed and none is named; it is shown once, when it is new."""
    hosts = _open_hosts(settings)
    if not hosts:
        return
    file, where = kept_at(settings.data_dir), " and ".join(sorted(set(hosts.values())))
    if not make(settings.data_dir):
        sys.stderr.write(f"a key is asked for on {where}: it is in {file}\n")
        return
    secret = file.read_text().strip()
    sys.stderr.write(
        f"a key is asked for on {where}; this new one is shown only now:\n\n    {secret}\n\n"
        f"It is in {file}, where commands on this machine find it by themselves.\n"
        "OpenAI's clients take it as api_key, curl as -H 'Authorization: Bearer KEY',\n"
        "players as the password of any user: rtsp://any:KEY@HOST/out\n"
    )


def told(settings: LocalSettings, process: str) -> dict[str, str]:
    """What the process learns of the made key: where it lies, so that no environment has it."""
    if process not in _open_hosts(settings):
        return {}
    return {variable("api_keys_file"): str(kept_at(settings.data_dir))}


def _open_hosts(settings: LocalSettings) -> dict[str, str]:
    """Processes that others than this machine can reach, and where, while no key is named."""
    if settings.auth == "off" or settings.api_keys or settings.api_keys_file:
        return {}
    hosts = {"api": settings.host}
    if settings.preview_port != 0:  # None: the usual one
        hosts["preview"] = settings.preview_host or settings.host
    return {name: host for name, host in hosts.items() if not is_loopback(host)}


def make(data_dir: str) -> bool:
    """See to it that the stack of *data_dir* has a key; whether it is a new one."""
    file = kept_at(data_dir)
    try:
        return not file.exists() and _write(file, PREFIX + secrets.token_urlsafe(SECRET_BYTES))
    except OSError as error:
        raise BadSettings(f"LOOKOUT_DATA_DIR: {file}: {error.strerror}") from error


def _write(file: Path, secret: str) -> bool:
    """Whole or not at all, for this user alone from its first byte on; False: others were first."""
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "w") as opened:
            opened.write(f"{secret}\n")
            opened.flush()
            os.fsync(opened.fileno())
        os.link(draft, file)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def kept(settings: LocalSettings) -> tuple[Key, ...]:
    """The keys that *settings* name, else the one that was made; none if there is none."""
    file = kept_at(settings.data_dir)
    if settings.api_keys or settings.api_keys_file:
        return keys_of(settings).all
    if not os.access(file, os.R_OK):
        return ()
    return keys_of(LocalSettings(api_keys_file=str(file))).all


def key_for(server: str, given: str | None, env: Mapping[str, str] = os.environ) -> str | None:
    """
    What to show to *server*: the *given* key, or on this machine one that lies here.

    None if there is none. Raise `BadSettings`, without the text of the key.
    """
    if given:
        if not given.isascii() or not given.isprintable() or " " in given:
            raise BadSettings("LOOKOUT_API_KEY: that is no key: it has a character that none has")
        return given
    if not is_loopback(urlsplit(server).hostname or "0.0.0.0"):
        return None
    return next((key.secret for key in kept(read(LocalSettings, env))), None)

"""
Which cameras a request may name. What the settings name is not limited.

Private networks are allowed, for that is where cameras live; `capture` refuses the
addresses of metadata services where it opens them.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from os.path import normpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

from api.settings import ApiSettings
from bus.errors import BadJob, NotBuilt

NETWORK = ("http", "https", "rtsp", "rtsps")
OPENABLE = ("csi", "demo", "file", "rtp", "v4l2", *NETWORK)


def check_camera(url: str, settings: ApiSettings) -> None:
    """Raise `BadJob` that says what to do when a request must not name the camera *url*."""
    check_parts(url)
    parts = urlsplit(url)
    if parts.scheme == "pipe":
        raise BadJob("pipe: runs a command, so only the settings may name it: see docs/cameras.md")
    if parts.scheme == "webrtc":
        raise NotBuilt("webrtc: cameras cannot be opened: use the camera's rtsp: address")
    if parts.scheme not in OPENABLE:
        kinds = ", ".join(f"{kind}:" for kind in OPENABLE)
        raise BadJob(f"{parts.scheme[:20]}: is no kind of picture or camera: use {kinds}")
    if parts.scheme in NETWORK and not parts.hostname:
        raise BadJob(f"the camera's URL names no host: write {parts.scheme}://host/path")
    if parts.scheme == "file" or (parts.scheme == "rtp" and not parts.hostname):
        _check_file(parts.scheme, unquote(parts.path), settings.file_roots)
    if parts.scheme == "v4l2":
        _check_device(unquote(parts.path), settings.devices)


def check_parts(url: str) -> None:
    """Raise `BadJob` unless its parts can be told apart: whatever splits it may rely on that."""
    try:
        urlsplit(url).port  # noqa: B018 - only looked at here
    except ValueError as error:
        raise BadJob(  # without the error's words: they may hold half a password
            "this is no valid URL: write special characters of a password as %40 and the like"
        ) from error


def _check_file(scheme: str, name: str, roots: Sequence[str]) -> None:
    try:
        path = Path(name).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a NUL
        raise BadJob(f"{scheme}: this is no path") from error
    if not any(path.is_relative_to(Path(root).resolve()) for root in roots):
        raise BadJob(
            f"{scheme}: the path must lie below a directory of LOOKOUT_FILE_ROOTS, "
            "or be named in the settings: lookout up --camera clip=file:///path/clip.mp4"
        )


def _check_device(name: str, patterns: Sequence[str]) -> None:
    if not any(fnmatchcase(normpath(name), pattern) for pattern in patterns):
        raise BadJob(
            f"v4l2: the device must be one of {', '.join(patterns) or 'none'}: see LOOKOUT_DEVICES"
        )

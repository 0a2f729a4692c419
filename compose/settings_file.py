"""The settings file as a whole: each process reads its own keys, so a wrong one is found here."""

from difflib import get_close_matches

import msgspec

from alerts.settings import AlertsSettings
from api.settings import ApiSettings
from bus.errors import BadSettings
from bus.settings import read_file
from capture.settings import CaptureSettings
from compose.settings import LocalSettings
from inference.settings import InferenceSettings
from preview.settings import PreviewSettings

KINDS = (
    LocalSettings,
    ApiSettings,
    CaptureSettings,
    InferenceSettings,
    AlertsSettings,
    PreviewSettings,
)
PER_PROCESS = ("process", "settings")  # no use in a file that all of them read


def keys() -> set[str]:
    names = {field.name for kind in KINDS for field in msgspec.structs.fields(kind)}
    return names - set(PER_PROCESS)


def check_keys(file: str) -> None:
    """Raise `BadSettings` for a key that no process knows."""
    for key in read_file(file):
        if key not in keys():
            near = get_close_matches(key, keys(), 1)
            hint = f": do you mean {near[0]}?" if near else ""
            raise BadSettings(f"LOOKOUT_SETTINGS: {file}: there is no setting {key!r}{hint}")

"""Cameras that could be added: devices of this machine, and those that announce themselves."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from compose import onvif

CSI_TOOLS = ("rpicam-vid", "libcamera-vid", "nvargus-daemon")


def lines(seconds: float) -> Iterator[str]:
    """What to type for each one that is found."""
    yield from devices()
    try:
        for found in onvif.find(seconds):
            yield f"rtsp://USER:PASSWORD@{found.host}/…  {found.name or 'an ONVIF camera'}"
    except OSError as error:
        yield f"the network cannot be asked: {error.strerror or error}"


def devices() -> Iterator[str]:
    """USB cameras by the name that survives unplugging, if they have one; and CSI ports."""
    named = {path.resolve(): path for path in sorted(Path("/dev/v4l/by-id").glob("*"))}
    for device in sorted(Path("/dev").glob("video*")):
        note = "" if os.access(device, os.R_OK) else "  (this user may not read it)"
        yield f"v4l2://{named.get(device.resolve(), device)}{note}"
    for tool in CSI_TOOLS:
        if shutil.which(tool):
            yield f"csi://0  if a camera is on the ribbon cable ({tool} is installed)"
            return

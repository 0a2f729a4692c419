"""
Cameras on the ribbon cable of a board: `csi://0?size=1280x720&fps=30&flip=2`.

A program of the board reads them: `rpicam-vid` (once called `libcamera-vid`) on a Raspberry
Pi, GStreamer with NVIDIA's `nvarguscamerasrc` on a Jetson. Another one is named by
`LOOKOUT_CSI_COMMAND`, as behind `pipe:`, with {sensor}, {width}, {height}, {fps} and {flip}.

`flip` has the numbers of NVIDIA: 2 turns by half, 4 swaps left and right, 6 swaps top and
bottom; on a Jetson 1 and 3 turn by a quarter to the left and right, and 5 and 7 do that to
a mirrored picture.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from bus.errors import CameraError
from capture.layouts import LAYOUTS, Raw
from capture.query import Asked, Size
from capture.source import Source, Terms
from capture.sources.pipe import Stream, open_command, parse

SIZE, FPS = (1280, 720), 30
LAUNCH, INSPECT, ARGUS = "gst-launch-1.0", "gst-inspect-1.0", "nvarguscamerasrc"
RPICAM = ("rpicam-vid", "libcamera-vid")
RPICAM_FLIPS = {0: [], 2: ["--rotation", "180"], 4: ["--hflip"], 6: ["--vflip"]}
INSPECT_S = 10.0  # it looks at every plugin once
NOTHING = (
    "nothing here reads CSI cameras: install rpicam-apps (Raspberry Pi) or NVIDIA's GStreamer "
    "plugins (Jetson), or set LOOKOUT_CSI_COMMAND"
)


@dataclass(frozen=True)
class Wish:
    """What the URL asks for."""

    sensor: int = 0
    width: int = SIZE[0]
    height: int = SIZE[1]
    fps: int = FPS
    flip: int = 0

    @property
    def shown(self) -> Size:
        """The size once it is turned."""
        return (self.height, self.width) if self.flip % 2 else (self.width, self.height)


def wish_of(url: str) -> Wish:
    parts = urlsplit(url)
    if not re.fullmatch(r"[0-9]{1,2}", parts.netloc) or parts.path not in ("", "/"):
        raise CameraError("write the number of the camera: csi://0 is the first")
    asked = Asked(parts.query, ("size", "fps", "flip"))
    width, height = asked.size(SIZE)
    fps, flip = asked.number("fps", FPS, 1, 240), asked.number("flip", 0, 0, 7)
    return Wish(int(parts.netloc), width, height, round(fps), round(flip))


def jetson(wish: Wish) -> tuple[list[str], Stream]:
    width, height = wish.shown
    command = [LAUNCH, "-q", ARGUS, f"sensor-id={wish.sensor}", "!"]
    command += [
        f"video/x-raw(memory:NVMM),width={wish.width},height={wish.height},framerate={wish.fps}/1",
        "!",
    ]
    command += ["nvvidconv", f"flip-method={wish.flip}", "!"]
    command += [f"video/x-raw,format=BGRx,width={width},height={height}", "!"]
    command += ["queue", "leaky=downstream", "max-size-buffers=1", "!"]
    command += ["fdsink", "fd=3", "sync=false"]  # to stdout NVIDIA's library prints messages
    return command, Stream("rawvideo", Raw(wish.shown, LAYOUTS["bgrx"]), descriptor=3)


def raspberry(program: str, wish: Wish) -> tuple[list[str], Stream]:
    if wish.flip not in RPICAM_FLIPS:
        flips = ", ".join(map(str, RPICAM_FLIPS))
        raise CameraError(f"flip: {program} knows {flips}")
    command = [program, "--timeout", "0", "--nopreview", "--flush"]
    command += ["--camera", str(wish.sensor), "--framerate", str(wish.fps)]
    command += ["--width", str(wish.width), "--height", str(wish.height)]
    command += [*RPICAM_FLIPS[wish.flip], "--codec", "mjpeg", "--quality", "90", "--output", "-"]
    return command, Stream("mjpeg")


def written(template: str, wish: Wish) -> tuple[list[str], Stream]:
    """The owner's own command; braces of its own stay as they are."""
    values = {name: str(value) for name, value in asdict(wish).items()}
    return parse(re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), template))


def command_for(wish: Wish, template: str, has: Callable[[str], bool]) -> tuple[list[str], Stream]:
    """What reads the camera and what it writes; raise `CameraError` if nothing here does."""
    if template:
        return written(template, wish)
    for program in RPICAM:
        if has(program):
            return raspberry(program, wish)
    if has(ARGUS):
        return jetson(wish)
    raise CameraError(NOTHING)


def installed(name: str) -> bool:
    """Whether there is a program *name*, or that part of GStreamer and what starts it."""
    if name != ARGUS:
        return shutil.which(name) is not None
    if not installed(LAUNCH) or not installed(INSPECT):
        return False
    try:
        found = subprocess.run([INSPECT, name], capture_output=True, timeout=INSPECT_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return found.returncode == 0


@contextmanager
def open(url: str, terms: Terms, has: Callable[[str], bool] = installed) -> Generator[Source]:
    command, stream = command_for(wish_of(url), terms.csi_command, has)
    with open_command(command, stream, terms) as source:
        yield source

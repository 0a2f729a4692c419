"""The play under conditions that make it harder to see, by the names that a URL gives them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

from capture.demo.scene import Conditions, Decoy, Glare, Scene

Weather = Literal["rain", "fog", "glare", "noise", "shake", "clouds", "jpeg", "decoys"]
WEATHERS: tuple[Weather, ...] = get_args(Weather)

NOISE = 14.0
RAIN, FOG, SHAKE, JPEG = 0.7, 0.6, 7.0, 25
GLARE = Glare(980, 90, 260, 0.9)
CLOUDS, CLOUDS_S = 0.25, 23.0  # how much they darken and brighten, and how often
# Where nobody in the play stands in front of them for long.
DECOYS = (
    Decoy("statue", 820, 470, 85, (150, 150, 146)),
    Decoy("poster", 530, 432, 195, (205, 35, 35)),
)


def under(scene: Scene, weather: Sequence[Weather], at_s: float) -> Scene:
    """*scene* as it looks at that moment; what is true of it stays true."""
    if not weather:
        return scene
    brightness = 1 + CLOUDS * math.sin(at_s * math.tau / CLOUDS_S)
    conditions = Conditions(
        rain=RAIN if "rain" in weather else 0.0,
        fog=FOG if "fog" in weather else 0.0,
        glare=GLARE if "glare" in weather else None,
        shake=SHAKE if "shake" in weather else 0.0,
        brightness=brightness if "clouds" in weather else 1.0,
        jpeg=JPEG if "jpeg" in weather else None,
    )
    return replace(
        scene,
        conditions=conditions,
        decoys=DECOYS if "decoys" in weather else (),
        noise=NOISE if "noise" in weather else scene.noise,
    )

"""What the eyes are taught of each scene: which thing of which colour is where, and around it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capture.demo.random_world import SEEN
from capture.demo.scene import HEIGHT, KINDS, PAINTS, WIDTH, Kind, LightName, Scene, Thing
from capture.demo.truth import FRAME, visible_share
from models.demo.train.facts import facts_of

COLOURLESS: tuple[Kind, ...] = ("dog", "fire")
DECOYS = ("statue", "scarecrow", "poster")
NAMED = (*KINDS, *DECOYS)
COLOURS = tuple(PAINTS)
LIGHTS: tuple[LightName, ...] = ("day", "dusk", "night")
WEATHERS = (None, "rain", "fog")
CHANNELS = tuple(
    (kind, colour)
    for kind in NAMED
    for colour in ((None,) if kind in (*COLOURLESS, *DECOYS) else COLOURS)
)
PAINTED = tuple(kind for kind in NAMED if kind not in (*COLOURLESS, *DECOYS))
AROUND = len(LIGHTS) + len(WEATHERS)
MOST = 11  # things and decoys on one picture
MIRRORED_X = (2, 1, 0, 3)
HARDLY_SEEN = 0.25  # the share of a thing that may be visible and it still counts for nothing


@dataclass(frozen=True)
class Labels:
    """Of many scenes. Unused places hold a channel of -1."""

    boxes: NDArray[np.float32]  # (scenes, MOST, 4): left, top, right, bottom, 0 to 1
    channels: NDArray[np.int64]  # (scenes, MOST), back to front
    counts: NDArray[np.float32]  # (scenes, MOST): for how much of a thing each is taken, 0 to 1
    around: NDArray[np.int64]  # (scenes, 2): light, weather

    def take(self, chosen: NDArray[np.int64], mirrored: NDArray[np.bool_]) -> "Labels":
        boxes = self.boxes[chosen]
        flipped = boxes * np.array((-1, 1, -1, 1), np.float32) + np.array((1, 0, 1, 0), np.float32)
        boxes = np.where(mirrored[:, None, None], flipped[..., MIRRORED_X], boxes)
        return Labels(boxes, self.channels[chosen], self.counts[chosen], self.around[chosen])

    def and_then(self, more: "Labels") -> "Labels":
        return Labels(
            np.concatenate([self.boxes, more.boxes]),
            np.concatenate([self.channels, more.channels]),
            np.concatenate([self.counts, more.counts]),
            np.concatenate([self.around, more.around]),
        )


def labels_of(scenes: Sequence[Scene]) -> Labels:
    boxes = np.zeros((len(scenes), MOST, 4), np.float32)
    channels = np.full((len(scenes), MOST), -1, np.int64)
    counts = np.zeros((len(scenes), MOST), np.float32)
    around = np.zeros((len(scenes), 2), np.int64)
    size = np.array((WIDTH, HEIGHT, WIDTH, HEIGHT), np.float32)
    for number, scene in enumerate(scenes):
        named = [one for one in scene.standing if one.kind in NAMED]
        for place, thing in enumerate(sorted(named, key=lambda one: one.y)):
            colour = thing.colour if isinstance(thing, Thing) else None
            boxes[number, place] = np.array(thing.box.common(FRAME)) / size
            channels[number, place] = CHANNELS.index((thing.kind, colour))
            counts[number, place] = counted(visible_share(thing, scene.standing))
        facts = facts_of(scene)
        around[number] = LIGHTS.index(facts.light), WEATHERS.index(facts.weather)
    return Labels(boxes, channels, counts, around)


def counted(share: float) -> float:
    """What shows SEEN of itself is a thing; with less, what it is can less and less be told."""
    return min(1.0, max(0.0, (share - HARDLY_SEEN) / (SEEN - HARDLY_SEEN)))

"""Random choices that are the same each time for the same seed and purpose."""

from collections.abc import Sequence
from random import Random

from capture.demo.scene import Rgb


class Dice(Random):
    """Each part of a yard has its own, so that a change of light moves nothing."""

    def __init__(self, seed: int, purpose: str = "") -> None:
        super().__init__(f"{seed} {purpose}")

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def near(self, colour: Rgb, spread: int) -> Rgb:
        red, green, blue = (
            max(0, min(255, value + self.randint(-spread, spread))) for value in colour
        )
        return red, green, blue

    def one_of(self, colours: Sequence[Rgb], spread: int) -> Rgb:
        return self.near(self.choice(colours), spread)

"""What people call the things, in one and in many; and what the demo world has none of."""

from random import Random

from capture.demo.scene import ColourName, DecoyKind, Kind
from capture.demo.truth import Place

# The first is what answers say; the more often a word stands here, the more often it is asked.
NOUNS: dict[Kind, tuple[str, ...]] = {
    "person": ("person", "person", "person", "human", "pedestrian", "visitor", "man", "guy"),
    "car": ("car", "car", "car", "automobile"),
    "truck": ("truck", "truck", "truck", "lorry", "delivery truck"),
    "dog": ("dog", "dog", "dog", "puppy"),
    "bicycle": ("bicycle", "bicycle", "bike", "bike"),
    "box": ("box", "box", "package", "parcel"),
    "fire": ("fire", "fire", "flame", "blaze"),
}
DECOY_NOUNS: dict[DecoyKind, str] = {
    "statue": "statue",
    "scarecrow": "scarecrow",
    "poster": "poster",
}
IRREGULAR = {
    "person": "people",
    "man": "men",
    "lorry": "lorries",
    "puppy": "puppies",
    "box": "boxes",
    "bus": "buses",
    "sheep": "sheep",
    "knife": "knives",
    "human being": "human beings",
}
ABSENT = (
    *("cat", "horse", "bird", "boat", "train", "motorcycle", "chair", "ladder", "gun", "knife"),
    *("bear", "cow", "plane", "balloon", "sheep", "tent", "piano", "robot", "dragon", "snake"),
    *("elephant", "helicopter", "bus", "drone", "fox", "table", "umbrella", "ball", "flag"),
    *("tractor", "duck", "rabbit", "camel", "kite", "swing", "bench", "pool", "tank", "monkey"),
)
PLACE_WORDS: dict[Place, tuple[str, ...]] = {
    "left": ("on the left", "on the left", "on the left side", "at the left", "to the left"),
    "middle": ("in the middle", "in the middle", "in the center", "in the centre"),
    "right": ("on the right", "on the right", "on the right side", "at the right", "to the right"),
}
ANSWERED_PLACE: dict[Place, str] = {
    "left": "on the left",
    "middle": "in the middle",
    "right": "on the right",
}
NUMBERS = ("zero", "one", "two", "three", "four")
PAINTED: tuple[Kind, ...] = ("car", "truck", "bicycle", "box")
COLOURS: tuple[ColourName, ...] = ("red", "yellow", "green", "blue", "white", "black")


def noun(dice: Random, kind: Kind) -> str:
    return dice.choice(NOUNS[kind])


def many(word: str) -> str:
    """The plural; of "red box" it is "red boxes"."""
    *before, last = word.split(" ")
    return " ".join((*before, IRREGULAR.get(last, f"{last}s")))


def one(word: str) -> str:
    """With its article."""
    vowel = word[0] in "aeiou" and not word.startswith("hu")
    return f"{'an' if vowel else 'a'} {word}"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def listed(parts: list[str]) -> str:
    """One after the other, with "and" before the last."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

"""
Questions in strange words, or in none: the name of the thing says what is asked.

People put questions in more ways than can be listed. These make no sense, and so teach that
unknown words, somebody who is only mentioned among them, change nothing. A name that stands
alone begins with no space before it, so its token is another one and must be learned too.
"""

from random import Random
from string import ascii_lowercase

from capture.demo.scene import Kind
from models.demo.train.nouns import capital, many, one

BEGINNINGS = (
    *("Is", "Is", "Is", "Are", "Was", "Did", "Did", "Does", "Do", "Has", "Has", "Have", "Can"),
    *("Could", "Will", "Would", "Might", "Should", "May", "Shall", "Must", "Please say: is"),
    *("Do we see", "Do you find", "Tell me about", "How about", "I ask you:", "And"),
)
WORDS = (
    *("get", "got", "come", "go", "going", "went", "leave", "put", "placed", "brought", "bring"),
    *("deliver", "drop", "stand", "stay", "sit", "wait", "move", "turn", "turned", "look", "find"),
    *("found", "seen", "shown", "met", "kept", "hold", "held", "taken", "take", "begin", "start"),
    *("stop", "pass", "passing", "roll", "near", "close", "far", "here", "there", "now", "yet"),
    *("still", "already", "soon", "again", "ever", "just", "really", "maybe", "perhaps", "today"),
    *("tonight", "lately", "up", "down", "out", "off", "in", "on", "at", "by", "to", "from"),
    *("with", "for", "of", "over", "under", "along", "across", "around", "about", "through"),
    *("the", "a", "this", "that", "my", "our", "your", "its", "some", "any", "be", "been", "it"),
    *("we", "you", "I", "which", "while", "because", "so", "then", "as", "like", "please"),
    *("house", "gate", "door", "porch", "way", "street", "place", "area", "view", "sight"),
    *("ground", "wall", "window", "corner", "camera", "photo", "image", "film", "world"),
    *("morning", "minute", "hour", "week", "thing", "part", "end", "time", "moment"),
)
SOMEBODY = (
    *("someone", "anyone", "somebody", "anybody", "they", "he", "she", "the neighbour"),
    *("the driver", "the owner", "my wife", "a friend", "the boss", "the child"),
)
UNKNOWN_SHARE, SOMEBODY_SHARE, LETTERS = 0.2, 0.4, (3, 8)
ALONE_SHARE, CAPITAL_SHARE = 0.5, 0.7


def strange(dice: Random, word: str, kind: Kind | None = None) -> str:
    """About *word*; nobody else is mentioned where that is a person."""
    if dice.random() < ALONE_SHARE:
        return alone(dice, word)
    before = [said(dice) for _ in range(dice.choice((0, 0, 1, 2, 3)))]
    behind = [said(dice) for _ in range(dice.choice((0, 1, 2, 3, 4)))]
    if kind != "person" and dice.random() < SOMEBODY_SHARE:
        before.insert(0, dice.choice(SOMEBODY))
    named = dice.choice((one(word), one(word), f"the {word}", f"my {word}", word, many(word)))
    text = " ".join((dice.choice(BEGINNINGS), *before, named, *behind))
    return capital(text) + dice.choice(("?", "?", "?", ".", ""))


def alone(dice: Random, word: str) -> str:
    text = dice.choice((word, word, many(word), many(word), one(word)))
    if dice.random() < CAPITAL_SHARE:
        text = capital(text)
    return text + dice.choice(("", "", ".", "?"))


def said(dice: Random) -> str:
    if dice.random() < UNKNOWN_SHARE:
        return "".join(dice.choices(ascii_lowercase, k=dice.randint(*LETTERS)))
    return dice.choice(WORDS)

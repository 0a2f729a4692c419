"""Questions that are answered by yes or no, each with the right answer."""

from collections.abc import Callable
from random import Random

from capture.demo.scene import KINDS, Kind, LightName
from capture.demo.truth import PLACES, Place, Seen
from models.demo.train.facts import Facts
from models.demo.train.nouns import (
    ABSENT,
    COLOURS,
    DECOY_NOUNS,
    NUMBERS,
    PAINTED,
    PLACE_WORDS,
    many,
    noun,
    one,
)
from models.demo.train.phrases import question, statement
from models.demo.train.strange import strange

Asked = tuple[str, bool]  # the question, and whether yes is right
Say = Callable[..., str]

# What is taken for what: asked about where the decoy stands and the thing does not.
TAKEN_FOR: dict[str, Kind] = {"statue": "person", "scarecrow": "person", "poster": "car"}
LIGHT_QUESTIONS: dict[LightName, tuple[str, ...]] = {
    "day": ("Is it day?", "Is it daytime?", "Is it light outside?", "Is it day or not?"),
    "dusk": ("Is it dusk?", "Is it evening?", "Is the sun setting?", "Is it twilight?"),
    "night": (
        *("Is it night?", "Is it dark?", "Is it dark outside?", "Is it night time?"),
        *("Was this taken at night?", "Is it nighttime?", "Is it dark out there?"),
    ),
}
LIGHT_STATEMENTS: dict[LightName, tuple[str, ...]] = {
    "day": ("It is day", "It is daytime", "It is light outside"),
    "dusk": ("It is dusk", "It is evening", "Dusk falls"),
    "night": ("It is night", "It is dark", "It is night time", "Alert me when it is dark"),
}
RAIN = (
    "Is it raining?",
    "Is there rain?",
    "Do you see rain?",
    "Is it wet outside?",
    "Does it rain?",
)
FOG = ("Is it foggy?", "Is there fog?", "Do you see fog?", "Is the air misty?", "Is there mist?")
EMPTY = (
    *("Is the scene empty?", "Is the yard empty?", "Is the street empty?", "Is the picture empty?"),
    *("Is nothing there?", "Is there nothing to see?", "Is the place empty?"),
)
EMPTY_RULES = ("The scene is empty", "The yard is empty", "Nothing is there", "Nothing is visible")
NOBODY = (
    *("Is nobody there?", "Is there nobody?", "Is there no one?", "Is the yard free of people?"),
    *("Are there no people?", "Is there no person?"),
)
WITHOUT = ("Is there no {n}?", "Are there no {s}?", "Is the {n} gone?", "Is the yard without {s}?")


def yes_or_no(dice: Random, facts: Facts, rule: bool = False) -> Asked:
    """*rule*: as people write it for an alert, which need not be a question."""
    (kind_of_question,) = dice.choices(QUESTIONS, WEIGHTS)
    return kind_of_question(dice, facts, statement if rule and dice.random() < 0.5 else question)


def kind_asked(dice: Random, facts: Facts) -> Kind:
    """About half of the time one that is there, and often one that only seems to be."""
    if facts.decoys and dice.random() < 0.35:
        return TAKEN_FOR[dice.choice(sorted(facts.decoys))]
    if facts.sun and dice.random() < 0.2:
        return "fire"
    if facts.seen and dice.random() < 0.5:
        return dice.choice(facts.seen).kind
    return dice.choice(KINDS)


def strangely(dice: Random, facts: Facts) -> Asked:
    """Whether something is there, which mostly the world knows, in no sentence that makes sense."""
    chance = dice.random()
    if chance < 0.1:
        return strange(dice, dice.choice(ABSENT)), False
    if facts.decoys and chance < 0.3:
        return strange(dice, DECOY_NOUNS[dice.choice(sorted(facts.decoys))]), True
    if chance > 0.8:
        wanted = painted(dice, facts)
        word = f"{wanted.colour} {noun(dice, wanted.kind)}"
        return strange(dice, word), bool(facts.of(wanted.kind, wanted.colour))
    kind = kind_asked(dice, facts)
    return strange(dice, noun(dice, kind), kind), facts.count(kind) > 0


def near_miss(dice: Random, facts: Facts) -> Seen:
    """Something that is there, or differs from it in one respect."""
    if not facts.seen or dice.random() < 0.15:
        return Seen(dice.choice(KINDS), dice.choice(COLOURS), dice.choice(PLACES))
    seen = dice.choice(facts.seen)
    chance = dice.random()
    kind = dice.choice(KINDS) if chance < 0.15 else seen.kind
    colour = dice.choice(COLOURS) if 0.15 <= chance < 0.32 or not seen.colour else seen.colour
    place: Place = dice.choice(PLACES) if 0.32 <= chance < 0.5 else seen.place
    return Seen(kind, colour, place)


def presence(dice: Random, facts: Facts, say: Say) -> Asked:
    kind = kind_asked(dice, facts)
    return say(dice, noun(dice, kind), kind), facts.count(kind) > 0


def painted(dice: Random, facts: Facts) -> Seen:
    seen = near_miss(dice, facts)
    while seen.kind not in PAINTED:
        seen = near_miss(dice, facts)
        if not any(one.kind in PAINTED for one in facts.seen):
            seen = Seen(dice.choice(PAINTED), dice.choice(COLOURS), seen.place)
    return seen


def coloured(dice: Random, facts: Facts, say: Say) -> Asked:
    wanted = painted(dice, facts)
    there = bool(facts.of(wanted.kind, wanted.colour))
    word = noun(dice, wanted.kind)
    if dice.random() < 0.3:
        return dice.choice(
            (f"Is the {word} {wanted.colour}?", f"Is the {word} painted {wanted.colour}?")
        ), there
    return say(dice, f"{wanted.colour} {word}"), there


def dressed(dice: Random, facts: Facts, say: Say) -> Asked:
    people = facts.of("person")
    colour = dice.choice(people).colour if people and dice.random() < 0.5 else dice.choice(COLOURS)
    word = dice.choice(
        (f"person in {colour}", f"person wearing {colour}", f"person with {colour} clothes")
    )
    forms = (
        f"Is there a {word}?",
        f"Do you see a {word}?",
        f"Is a {word} visible?",
        f"Is the person wearing {colour}?",
    )
    return dice.choice(forms), bool(facts.of("person", colour))


def placed(dice: Random, facts: Facts, say: Say) -> Asked:
    wanted = near_miss(dice, facts)
    where = dice.choice(PLACE_WORDS[wanted.place])
    word = noun(dice, wanted.kind)
    there = bool(facts.of(wanted.kind, place=wanted.place))
    if dice.random() < 0.3:
        return f"Is the {word} {where}?", there
    return say(dice, word, None, where), there


def coloured_and_placed(dice: Random, facts: Facts, say: Say) -> Asked:
    wanted = painted(dice, facts)
    where = dice.choice(PLACE_WORDS[wanted.place])
    text = say(dice, f"{wanted.colour} {noun(dice, wanted.kind)}", None, where)
    return text, bool(facts.of(wanted.kind, wanted.colour, wanted.place))


def in_general(dice: Random, facts: Facts, say: Say) -> Asked:
    word, kinds = dice.choice((("vehicle", ("car", "truck")), ("animal", ("dog",))))
    return say(dice, word), any(seen.kind in kinds for seen in facts.seen)


def absent(dice: Random, facts: Facts, say: Say) -> Asked:
    return say(dice, dice.choice(ABSENT)), False


def decoy(dice: Random, facts: Facts, say: Say) -> Asked:
    kind = dice.choice(tuple(DECOY_NOUNS))
    if facts.decoys and dice.random() < 0.4:
        kind = dice.choice(sorted(facts.decoys))
    return say(dice, DECOY_NOUNS[kind]), kind in facts.decoys


def light(dice: Random, facts: Facts, say: Say) -> Asked:
    asked: LightName = dice.choice(("day", "night", "night", "dusk"))
    forms = LIGHT_STATEMENTS if say is statement else LIGHT_QUESTIONS
    return dice.choice(forms[asked]), asked == facts.light


def weather(dice: Random, facts: Facts, say: Say) -> Asked:
    if dice.random() < 0.5 and facts.weather != "fog":  # which hides the rain
        return dice.choice(RAIN), facts.weather == "rain"
    return dice.choice(FOG), facts.weather == "fog"


def empty(dice: Random, facts: Facts, say: Say) -> Asked:
    return dice.choice(EMPTY_RULES if say is statement else EMPTY), not facts.seen


def without(dice: Random, facts: Facts, say: Say) -> Asked:
    if dice.random() < 0.4:
        return dice.choice(NOBODY), not facts.count("person")
    kind = kind_asked(dice, facts)
    word = noun(dice, kind)
    return dice.choice(WITHOUT).format(n=word, s=many(word)), not facts.count(kind)


def several(dice: Random, facts: Facts, say: Say) -> Asked:
    kind, least = kind_asked(dice, facts), dice.choice((2, 2, 2, 3))
    word, found = noun(dice, kind), facts.count(kind)
    below = f"more than {NUMBERS[least - 1]} {word if least == 2 else many(word)}"
    enough = f"at least {NUMBERS[least]} {many(word)}"
    if dice.random() < 0.25:
        exactly = dice.choice((1, 2, 3))
        them = f"{NUMBERS[exactly]} {word if exactly == 1 else many(word)}"
        verb = "Is" if exactly == 1 else "Are"
        return f"{verb} there exactly {them}?", found == exactly
    if say is statement:
        return dice.choice((f"There are {enough}", f"There are {below}", below)), found >= least
    forms = (
        f"Are there {enough}?",
        f"Is there {below}?",
        f"Are there {below}?",
        f"Do you see {below}?",
    )
    return dice.choice(forms), found >= least


def two_kinds(dice: Random, facts: Facts, say: Say) -> Asked:
    first, second = kind_asked(dice, facts), kind_asked(dice, facts)
    if first == second:
        second = dice.choice([kind for kind in KINDS if kind != first])
    both = dice.random() < 0.6
    named = f"{one(noun(dice, first))} {'and' if both else 'or'} {one(noun(dice, second))}"
    there = facts.count(first) > 0, facts.count(second) > 0
    forms = (f"Is there {named}?", f"Do you see {named}?", f"Can you see {named}?")
    text = f"There is {named}" if say is statement else dice.choice(forms)
    return text, all(there) if both else any(there)


WEIGHTED: dict[Callable[[Random, Facts, Say], Asked], float] = {
    **{presence: 32, coloured: 12, dressed: 3, placed: 12, coloured_and_placed: 5},
    **{in_general: 5, absent: 6, decoy: 7, light: 5, weather: 6, empty: 4, without: 5},
    **{several: 5, two_kinds: 4},
}
QUESTIONS, WEIGHTS = tuple(WEIGHTED), tuple(WEIGHTED.values())

"""Questions with the answers that are right for a scene, as people type them."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from capture.demo.scene import KINDS, Kind
from capture.demo.truth import PLACES, Place, Seen
from inference.yesno import JUDGE_PROMPT
from models.demo.train.facts import Facts
from models.demo.train.nouns import (
    ANSWERED_PLACE,
    COLOURS,
    NUMBERS,
    PAINTED,
    PLACE_WORDS,
    capital,
    listed,
    many,
    noun,
    one,
)
from models.demo.train.yesno import kind_asked, strangely, yes_or_no

RULE_PROMPTS = (
    JUDGE_PROMPT,
    f"{JUDGE_PROMPT} Do not respond with any numbers.",
    "Answer with yes or no only.",
    "You watch a camera. Reply only yes or no.",
    "You check alert rules on a camera image. Answer yes or no.",
)
PROMPTS = (
    "You are a helpful assistant.",
    "You are a helpful assistant that answers questions about camera images.",
    "You are a camera assistant. Answer briefly.",
    "Answer the question about the image.",
)
SHORT = (" Answer yes or no.", " Answer with yes or no.", " yes or no?", " Reply yes or no.")
LIGHT_WORDS = {"day": "in daylight", "dusk": "at dusk", "night": "at night"}
WEATHER_WORDS = {"rain": ", in the rain", "fog": ", in fog", None: ""}
DESCRIBE = (
    *("Describe the scene.",) * 3,
    *("Describe the image.", "What do you see?", "What is in the picture?", "What is happening?"),
    *("Describe what you see.", "What can you see?", "Summarize the scene.", "What's going on?"),
    *("What is in the image?", "Describe this picture.", "Tell me what you see.", "What is there?"),
    *(
        "Caption this image.",
        "Describe the scene in one sentence.",
        "Describe the image in detail.",
    ),
    *("Give me a short description.", "Please describe the scene.", "What does the camera see?"),
    *("What is going on in the yard?", "Tell me about the scene.", "Describe the picture briefly."),
)
OFF_TOPIC = (
    *("What is the capital of France?", "Who are you?", "Write a poem.", "Tell me a joke.", "Hi"),
    *("What is the weather tomorrow?", "How old are you?", "Hello", "Hello there!", "Thanks"),
    *("Who won the game?", "What is your name?", "Translate this to German.", "Write some code."),
    *("What time is it?", "Help me", "Good morning", "What can you do?", "Sing a song.", "Why?"),
    *("How does a car work?", "What is two plus two?", "Tell me a story about a dog.", "Test"),
)
ABOUT_ME = (
    "I am a small demo model. I can describe the scene, count objects and answer questions about"
    " people, cars, trucks, dogs, bicycles, boxes and fire."
)
UNKNOWABLE = (
    *("Who is the {n}?", "How old is the {n}?", "What is the name of the {n}?", "Whose {n} is it?"),
    *(
        "What is written on the {n}?",
        "What is the licence plate of the {n}?",
        "Why is the {n} here?",
    ),
    *(
        "How fast is the {n}?",
        "How far away is the {n}?",
        "What brand is the {n}?",
        "Is the {n} mine?",
    ),
    *("Where does the {n} come from?", "When did the {n} arrive?", "What is in the {n}?"),
    *(
        "How heavy is the {n}?",
        "What is the {n} thinking?",
        "Is the {n} happy?",
        "Is the {n} angry?",
    ),
)
CANNOT_TELL = "I cannot tell that from this picture."
COUNT = (
    *("How many {s} are there?",) * 3,
    *("How many {s} do you see?", "How many {s} can you see?", "Count the {s}.", "How many {s}?"),
    *("What is the number of {s}?", "How many {s} are in the picture?", "Number of {s}?"),
    *("How many {s} are visible?", "Please count the {s}.", "Tell me how many {s} there are."),
    *("How many {s} are in the yard?", "How many {s} does the image show?", "Count all {s}."),
)
COLOUR = (
    *("What {colour} is the {n}?",) * 3,
    *(
        "What is the {colour} of the {n}?",
        "Which {colour} is the {n}?",
        "The {n} is what {colour}?",
    ),
    *(
        "What {colour} does the {n} have?",
        "Tell me the {colour} of the {n}.",
        "In which {colour} is the {n}?",
    ),
    *("Which {colour} does the {n} have?", "Can you tell me the {colour} of the {n}?"),
)
CLOTHES = (
    *("What {colour} is the {n} wearing?",) * 3,
    *("What {colour} is the {n}'s shirt?", "What {colour} are the clothes of the {n}?"),
    *("Which {colour} is the {n} wearing?", "What is the {colour} of the {n}'s clothes?"),
    *("What is the {n} wearing?", "What {colour} does the {n} wear?", "How is the {n} dressed?"),
)
WHERE = (
    *("Where is the {n}?",) * 3,
    *("Where do you see the {n}?", "Where can I find the {n}?", "On which side is the {n}?"),
    *("What is the position of the {n}?", "Where in the picture is the {n}?", "Where are the {s}?"),
    *(
        "Is the {n} on the left or on the right?",
        "Tell me where the {n} is.",
        "In which part is the {n}?",
    ),
)
WHAT = (
    *(
        "What is {p}?",
        "What is {p}?",
        "What do you see {p}?",
        "What is there {p}?",
        "What stands {p}?",
    ),
    *(
        "What can you see {p}?",
        "Describe what is {p}.",
        "Tell me what is {p}.",
        "Which things are {p}?",
    ),
)
LIGHT = (
    *(
        "Is it day or night?",
        "What time of day is it?",
        "Is it day, dusk or night?",
        "How is the light?",
    ),
)
WEATHER = (
    "What is the weather like?",
    "How is the weather?",
    "What weather is it?",
    "Describe the weather.",
)


class Pair(NamedTuple):
    about: str
    question: str
    answer: str


BEFORE = (
    *("Please tell me: ", "Quick question: ", "Hey, ", "Hello! ", "Look closely. ", "Be honest: "),
    *("Now: ", "One more thing: ", "Look at the picture. ", "Question: ", "Sorry, ", "Well, "),
)
BEHIND = (" Please.", " Thanks!", " I need to know.", " Look again.", " Thank you.", " Be brief.")


def typed(dice: Random, question: str) -> str:
    """Not everybody uses capitals and question marks; some say a word more."""
    if dice.random() < 0.06:
        question = dice.choice(BEFORE) + question
    elif dice.random() < 0.05:
        question += dice.choice(BEHIND)
    if dice.random() < 0.12:
        question = question.lower()
    return question.rstrip("?.") if dice.random() < 0.1 else question


def plain_yes_or_no(dice: Random, facts: Facts) -> Pair:
    question, right = yes_or_no(dice, facts)
    if dice.random() < 0.12:
        short = typed(dice, question) + dice.choice(SHORT)
        return Pair("yes or no", short, "yes" if right else "no")
    return Pair("yes or no", typed(dice, question), "Yes." if right else "No.")


def strange(dice: Random, facts: Facts) -> Pair:
    """Nobody asks so, and nobody is examined in it."""
    question, right = strangely(dice, facts)
    return Pair("strange", question, "Yes." if right else "No.")


def strange_rule(dice: Random, facts: Facts) -> Pair:
    question, right = strangely(dice, facts)
    return Pair("strange", question, "yes" if right else "no")


def rule(dice: Random, facts: Facts) -> Pair:
    """To be asked behind one of `RULE_PROMPTS`."""
    question, right = yes_or_no(dice, facts, rule=True)
    return Pair("rule", typed(dice, question), "yes" if right else "no")


def count(dice: Random, facts: Facts) -> Pair:
    chance = dice.random()
    if chance < 0.12:
        them, number = dice.choice(("objects", "things")), len(facts.seen)
    elif chance < 0.2:
        them, number = "vehicles", facts.count("car") + facts.count("truck")
    else:
        kind = kind_asked(dice, facts)
        if facts.seen and chance < 0.45:
            kind = max((seen.kind for seen in facts.seen), key=facts.count)
        them, number = many(noun(dice, kind)), facts.count(kind)
    return Pair("count", typed(dice, dice.choice(COUNT).format(s=them)), str(number))


def colour(dice: Random, facts: Facts) -> Pair:
    kind = there_mostly(dice, facts, PAINTED)
    question = dice.choice(COLOUR).format(colour=dice.choice(("colour", "color")), n="{n}")
    return attribute(dice, ("colour", question), kind, colours(facts.of(kind)))


def clothes(dice: Random, facts: Facts) -> Pair:
    question = dice.choice(CLOTHES).format(colour=dice.choice(("colour", "color")), n="{n}")
    return attribute(dice, ("clothes", question), "person", colours(facts.of("person")))


def where(dice: Random, facts: Facts) -> Pair:
    kind = there_mostly(dice, facts, KINDS)
    found = [place for place in PLACES if facts.of(kind, place=place)]
    return attribute(
        dice, ("where", dice.choice(WHERE)), kind, [ANSWERED_PLACE[one] for one in found]
    )


def colours(seen: tuple[Seen, ...]) -> list[str]:
    return [colour for colour in COLOURS if any(one.colour == colour for one in seen)]


def there_mostly(dice: Random, facts: Facts, kinds: tuple[Kind, ...]) -> Kind:
    there = [seen.kind for seen in facts.seen if seen.kind in kinds]
    return dice.choice(there) if there and dice.random() < 0.85 else dice.choice(kinds)


def attribute(dice: Random, asked: tuple[str, str], kind: Kind, found: list[str]) -> Pair:
    """What all things of a kind have, in a fixed order; of those that are not there, that."""
    about, question = asked
    word = noun(dice, kind)
    answer = f"{capital(listed(found))}." if found else f"There is no {word}."
    return Pair(about, typed(dice, question.format(n=word, s=many(word))), answer)


def grouped(seen: tuple[Seen, ...], placed: bool = True) -> str:
    """Equal things in one place together, from left to right, in the order of `KINDS`."""
    groups: dict[tuple[str, Place], int] = {}
    for thing in sorted(seen, key=order):
        painted = thing.colour if thing.kind in PAINTED else None
        key = f"{painted} {thing.kind}" if painted else thing.kind, thing.place
        groups[key] = groups.get(key, 0) + 1
    return listed(
        [
            (one(name) if number == 1 else f"{NUMBERS[number]} {many(name)}")
            + (f" {ANSWERED_PLACE[place]}" if placed else "")
            for (name, place), number in groups.items()
        ]
    )


def order(seen: Seen) -> tuple[int, int, int]:
    painted = COLOURS.index(seen.colour) if seen.colour and seen.kind in PAINTED else -1
    return PLACES.index(seen.place), KINDS.index(seen.kind), painted


def description(facts: Facts) -> str:
    around = f"{LIGHT_WORDS[facts.light]}{WEATHER_WORDS[facts.weather]}."
    return f"{capital(grouped(facts.seen)) if facts.seen else 'An empty scene'}, {around}"


def describe(dice: Random, facts: Facts) -> Pair:
    return Pair("describe", typed(dice, dice.choice(DESCRIBE)), description(facts))


def what(dice: Random, facts: Facts) -> Pair:
    place: Place = dice.choice(PLACES)
    there = tuple(seen for seen in facts.seen if seen.place == place)
    question = dice.choice(WHAT).format(p=dice.choice(PLACE_WORDS[place]))
    return Pair(
        "what",
        typed(dice, question),
        f"{capital(grouped(there, placed=False))}." if there else "Nothing.",
    )


def around(dice: Random, facts: Facts) -> Pair:
    """The light or the weather."""
    if dice.random() < (0.3 if facts.weather else 0.6):
        word = {"day": "Day.", "dusk": "Dusk.", "night": "Night."}[facts.light]
        return Pair("light and weather", typed(dice, dice.choice(LIGHT)), word)
    words = {"rain": "It is raining.", "fog": "It is foggy.", None: "It is dry and clear."}
    return Pair("light and weather", typed(dice, dice.choice(WEATHER)), words[facts.weather])


def refused(dice: Random, facts: Facts) -> Pair:
    """What the model cannot know, or was not made for."""
    if dice.random() < 0.4:
        return Pair("refuse", typed(dice, dice.choice(OFF_TOPIC)), ABOUT_ME)
    word = noun(dice, kind_asked(dice, facts))
    return Pair("refuse", typed(dice, dice.choice(UNKNOWABLE).format(n=word)), CANNOT_TELL)


Ask = Callable[[Random, Facts], Pair]
SINGLE: dict[Ask, float] = {
    **{plain_yes_or_no: 32, count: 18, colour: 11, where: 11, what: 12, clothes: 6},
    **{around: 6, refused: 4, strange: 7},
}

"""In how many ways people ask whether something is there, and tell a rule what to watch for.

`{a}` is a thing with its article, `{s}` several of them, `{where}` a place that says nothing
about left or right, or nothing at all.
"""

from random import Random

from capture.demo.scene import Kind
from models.demo.train.nouns import capital, many, one

QUESTIONS = (
    *("Is there {a}{where}?",) * 6,
    *("Do you see {a}{where}?",) * 3,
    *("Can you see {a}{where}?",) * 2,
    *("Is {a} visible{where}?", "Is {a} present{where}?", "Is {a} there?", "Is {a} in view?"),
    *("Are there any {s}{where}?", "Are there {s}{where}?", "Do you see any {s}{where}?"),
    *("Any {s}{where}?", "{a}?", "Any {s}?", "Is there any {n}{where}?"),
    *("Does the image show {a}?", "Does the picture show {a}?", "Does this show {a}?"),
    *("Does the picture contain {a}?", "Can {a} be seen{where}?", "Has {a} appeared{where}?"),
    *("Can you spot {a}{where}?", "Did you spot {a}?", "Do you notice {a}{where}?"),
    *("Would you say there is {a}{where}?", "Is it true that there is {a}{where}?"),
    *("Is there {a} to be seen{where}?", "Is {a} shown{where}?", "Have you seen {a}{where}?"),
    *("Are any {s} visible{where}?", "Are {s} present{where}?", "Is there at least one {n}?"),
    *("Did {a} come{where}?", "Has {a} come{where}?", "Is {a} here?", "Does {a} appear{where}?"),
    *("Do we have {a}{where}?", "Is the camera seeing {a}?", "Is {a} on camera?"),
    *("Did {a} arrive{where}?", "Have any {s} come{where}?", "What about {a}{where}?"),
    *("Could you look for {a}{where}?", "Is it possible that {clause}?", "Are {s} around{where}?"),
    *("Is the {n} there{where}?", "Is the {n} here{where}?", "Has the {n} come{where}?"),
    *("Is some {n} visible{where}?", "Does the camera show {a}{where}?"),
)
CLAUSES = (
    "there is {a}{where}",
    "there is {a}{where}",
    "{a} is visible{where}",
    "you see {a}{where}",
    "you can see {a}{where}",
    "{a} is there",
    "there are any {s}{where}",
    "{a} can be seen{where}",
)
ASKED = (
    *("Tell me whether {clause}.", "Tell me if {clause}.", "Can you tell me if {clause}?"),
    *("I want to know if {clause}.", "Check whether {clause}.", "Can you check if {clause}?"),
    *("Please check if {clause}.", "Could you tell whether {clause}?", "Say whether {clause}."),
    *(
        "Please tell me if {clause}.",
        "I would like to know whether {clause}.",
        "Find out if {clause}.",
    ),
    *(
        "Look and tell me if {clause}.",
        "Have a look: is there {a}{where}?",
        "Do you think {clause}?",
    ),
)
STATEMENTS = (
    *("There is {a}{where}",) * 4,
    *("{n}", "{s}") * 4,  # a word alone is a sentence of its own, which takes practice
    *("{A} is visible{where}", "{A} is{in}", "{A} is present{where}", "{A} appears{where}"),
    *("I see {a}{where}", "I can see {a}", "{a}", "{A} is there", "{A} is here"),
    *("There are {s}{where}", "Any {n}{where}", "{A} shows up{where}", "{A} is in the picture"),
    *("{A} comes into view", "{A} can be seen{where}", "The image shows {a}"),
)
COMMANDS = (
    *("Alert me if {clause}", "Alert me when {clause}", "Alert me when {a} appears{where}"),
    *("Notify me if {clause}", "Let me know when {a} appears{where}", "Tell me when {clause}"),
    *("Warn me if {clause}", "Send an alert when {a} shows up{where}", "Let me know if {clause}"),
    *(
        "Alert if {clause}",
        "Notify me about {s}",
        "Watch for {s}{where}",
        "Raise an alarm if {clause}",
    ),
    *("Tell me as soon as {clause}", "Alert me about any {n}{where}", "Look out for {a}"),
)
WHERE = (
    *(" in the yard", " in the picture", " in the image", " in the scene", " on the street"),
    *(" on the camera", " here", " outside", " right now", " at the moment", " currently"),
    *(" near the house", " in front of the house", " on the road", " in this photo", " now"),
    *(" in the frame", " out there", " by the fence", " in the garden", " on the property"),
    *(" anywhere", " somewhere", " in the driveway", " at the door", " in this picture", " today"),
    *(
        " at the gate",
        " by the gate",
        " on the lawn",
        " on the grass",
        " on the pavement",
        " nearby",
    ),
    *(" over there", " around here", " in the distance", " in front", " at the back", " just now"),
    *(" on the terrace", " behind the fence", " next to the house", " on the path", " already"),
)
# What only one kind does. Where it is done says nothing, as above.
DOING: dict[Kind, tuple[str, ...]] = {
    "person": ("standing", "walking", "waiting", "running", "walking around", "moving", "coming"),
    "car": ("parked", "standing", "driving", "parking", "waiting", "coming"),
    "truck": ("parked", "standing", "driving", "unloading", "waiting", "coming"),
    "dog": ("running", "standing", "walking", "barking", "running around", "loose", "sitting"),
    "bicycle": ("parked", "standing", "left behind", "leaning", "lying"),
    "box": ("lying", "standing", "left behind", "waiting", "sitting"),
    "fire": ("burning", "blazing", "spreading"),
}
DONE: dict[Kind, tuple[str, ...]] = {
    "person": ("arrived", "entered", "come in", "entered the yard", "shown up"),
    "car": ("arrived", "parked", "stopped", "pulled in", "pulled up"),
    "truck": ("arrived", "parked", "stopped", "pulled in", "come to deliver something"),
    "dog": ("arrived", "come in", "entered the yard", "got loose", "run in"),
    "bicycle": ("been left", "been parked", "been left behind"),
    "box": ("been delivered", "been left", "arrived", "been dropped off", "been left at the door"),
    "fire": ("started", "broken out", "been lit"),
}
SOMEBODY = ("anyone", "anybody", "someone", "somebody")
PEOPLE = (
    *("Is {x} there?", "Is {x} visible{where}?", "Do you see {x}{where}?", "Is {x}{in}?"),
    *("Is there {x}{where}?", "Can you see {x}?", "{x} there?", "Is {x} {doing}{where}?"),
    *("Has {x} {done}?", "Did {x} come{where}?", "Is {x} around?", "Is {x} home?"),
    *(
        "Did {x} enter the yard?",
        "Is {x} in the picture?",
        "Are people there?",
        "Do you see people?",
    ),
)
FLAMES = (
    *("Is something burning{where}?", "Is anything on fire{where}?", "Is there fire{where}?"),
    *(
        "Do you see flames{where}?",
        "Do you see fire?",
        "Are there flames{where}?",
        "Is it burning?",
    ),
    *("Is there any fire{where}?", "Is anything burning?", "Does anything burn{where}?"),
    *("Is something on fire?", "Is there a fire burning{where}?", "Are flames visible{where}?"),
)
PEOPLE_RULES = (
    *("{x} is{in}", "{x} is there", "Alert me if {x} appears", "Tell me when {x} shows up"),
    *("{x} is visible", "Notify me if {x} comes", "{x} is {doing}{where}", "{x} has {done}"),
    *("Warn me when {x} enters the yard", "people", "Let me know if {x} is there"),
)
FLAME_RULES = (
    *("Something is burning", "There are flames", "fire", "Alert me if something is on fire"),
    *("There is fire", "Anything is on fire", "Warn me if something burns", "flames{where}"),
    *("Something is on fire{where}", "Tell me when a fire breaks out", "Alert me if it burns"),
)


DOINGS = (
    *("Is {a} {doing}{where}?", "Is there {a} {doing}{where}?", "Has {a} {done}?"),
    *("Do you see {a} {doing}{where}?", "Are {s} {doing}{where}?", "Is the {n} {doing}?"),
)
DOING_RULES = ("{A} is {doing}{where}", "{A} has {done}", "Alert me if {a} has {done}")


def question(dice: Random, word: str, kind: Kind | None = None, place: str = "") -> str:
    """Whether *word* is there, or at *place*; *kind* only where the word is a bare noun."""
    forms: tuple[str, ...] = QUESTIONS if dice.random() < 0.84 else ASKED
    if kind == "person" and dice.random() < 0.3:
        forms = PEOPLE
    elif kind == "fire" and dice.random() < 0.3:
        forms = FLAMES
    elif kind and dice.random() < 0.16:
        forms = DOINGS
    return written(dice, forms, word, kind, place)


def statement(dice: Random, word: str, kind: Kind | None = None, place: str = "") -> str:
    """What a rule may say instead of asking."""
    forms: tuple[str, ...] = STATEMENTS if dice.random() < 0.6 else COMMANDS
    if kind == "person" and dice.random() < 0.25:
        forms = PEOPLE_RULES
    elif kind == "fire" and dice.random() < 0.25:
        forms = FLAME_RULES
    elif kind and dice.random() < 0.16:
        forms = DOING_RULES
    return written(dice, forms, word, kind, place) + ("." if dice.random() < 0.4 else "")


def written(dice: Random, forms: tuple[str, ...], word: str, kind: Kind | None, place: str) -> str:
    form = clauses_in(dice, dice.choice(forms))
    while place and "{where}" not in form:
        form = clauses_in(dice, dice.choice(forms))
    anywhere = dice.choice(WHERE) if dice.random() < 0.45 else ""
    blanks = {
        **{"a": one(word), "A": capital(one(word)), "n": word, "s": many(word)},
        **{"x": dice.choice(SOMEBODY), "where": f" {place}" if place else anywhere},
        "in": dice.choice((" in the yard", " in the picture", " on the street", " outside")),
        "doing": dice.choice(DOING[kind]) if kind else "",
        "done": dice.choice(DONE[kind]) if kind else "",
    }
    text = form.format(**blanks)
    return capital(text) if dice.random() < 0.9 else text


def clauses_in(dice: Random, form: str) -> str:
    return form.replace("{clause}", dice.choice(CLAUSES)) if "{clause}" in form else form

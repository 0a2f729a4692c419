"""The texts and numbers of a JSON schema, and values about which it says nothing. Pure."""

from functools import partial

from inference.ov import pattern
from inference.ov.ebnf import Grammar, literal
from inference.ov.keywords import OF_KIND, Refuse, Schema, count, is_whole

LEVELS = 6  # of a value about which nothing is said
SPAN = 1000  # numbers in a range
WHOLE = '("0" | [1-9] [0-9]{0,14})'
FRACTION = '("." [0-9]{1,15})?'
DATE = (
    r"\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)"
    r"|02-(0[1-9]|1\d|2[0-8]))"
)
TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
FORMATS = {
    "date": f"^{DATE}$",
    "time": f"^{TIME}$",
    "date-time": f"^{DATE}T{TIME}$",
    "uuid": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
}


class Scalars:
    """
    Rules for them in *grammar*.

    *longest_string* and *longest_list* bound what the schema does not; 0: nothing does.
    """

    def __init__(self, grammar: Grammar, longest_string: int, longest_list: int) -> None:
        self._grammar = grammar
        self._longest_string = longest_string or None
        self._longest_list = longest_list

    def string(self, schema: Schema, refuse: Refuse) -> str:
        for keyword in ("pattern", "format"):
            if keyword in schema:
                return self._shaped(keyword, schema, refuse)
        least = count(schema, "minLength", refuse) or 0
        most = count(schema, "maxLength", refuse)
        if most is None and self._longest_string:
            most = max(least, self._longest_string)
        if most is not None and most < least:
            raise refuse("maxLength", "is less than minLength")
        return self._quoted(self._grammar.repeat(self._grammar.rule(pattern.ANY), least, most))

    def _shaped(self, keyword: str, schema: Schema, refuse: Refuse) -> str:
        if both := schema.keys() & set(OF_KIND["string"]) - {keyword}:
            raise refuse(keyword, f"cannot be honoured together with {min(both)}")
        shape = schema[keyword]
        if not isinstance(shape, str) or (keyword == "format" and shape not in FORMATS):
            raise refuse(keyword, f"must be a text; a format one of {', '.join(FORMATS)}")
        expression = FORMATS[shape] if keyword == "format" else shape
        return self._quoted(pattern.translate(expression, self._grammar, partial(refuse, keyword)))

    def _quoted(self, name: str) -> str:
        return self._grammar.rule(f'"\\"" {name} "\\""')

    def integer(self, schema: Schema, refuse: Refuse) -> str:
        least, most = _range(schema, refuse)
        if least is not None and most is not None:
            return self._grammar.either(literal(str(n)) for n in _numbers(least, most, refuse))
        return self._open(least, most, WHOLE, refuse)

    def number(self, schema: Schema, refuse: Refuse) -> str:
        least, most = _range(schema, refuse)
        if least is None or most is None:
            return self._open(least, most, f"{WHOLE} {FRACTION}", refuse)
        if least < 0:
            raise refuse("minimum", "of a range must be 0 or more for a number")
        *others, last = [literal(str(n)) for n in _numbers(least, most, refuse)]
        return self._grammar.either([*(f"{number} {FRACTION}" for number in others), last])

    def _open(self, least: int | None, most: int | None, body: str, refuse: Refuse) -> str:
        """A number without a bound on at least one side."""
        if most is not None:
            raise refuse("maximum", "can be honoured only together with a minimum")
        if least is None:
            return self._grammar.rule(f'"-"? {body}')
        if least == 0:
            return self._grammar.rule(body)
        if least == 1:
            return self._grammar.rule(body.replace('"0" | ', "", 1))
        raise refuse("minimum", "can be honoured without a maximum only if it is 0 or 1")

    def anything(self, level: int = LEVELS) -> str:
        simple = [self._simple()]
        if level:
            simple += [self.any_object(level), self._list(level)]
        return self._grammar.either(simple)

    def any_object(self, level: int = LEVELS) -> str:
        return self.map(self.anything(level - 1))

    def map(self, value: str) -> str:
        """An object with any names for values of the rule *value*."""
        name = self.string({}, _never)
        return self.several("{", self._grammar.rule(f'{name} ":" {value}'), "}", 0, None)

    def _list(self, level: int) -> str:
        return self.several("[", self.anything(level - 1), "]", 0, None)

    def _simple(self) -> str:
        words = ('"true"', '"false"', '"null"')
        return self._grammar.either([*words, self.number({}, _never), self.string({}, _never)])

    def several(self, start: str, item: str, end: str, least: int, most: int | None) -> str:
        """Values of the rule *item* with commas between, in brackets."""
        if most is None and self._longest_list:
            most = max(least, self._longest_list)
        empty = f'"{start}{end}"'
        if most == 0:
            return self._grammar.rule(empty)
        others = self._grammar.rule(f'"," {item}')
        left = None if most is None else most - 1
        rest = self._grammar.repeat(others, max(0, least - 1), left)
        full = f'"{start}" {item} {rest} "{end}"'
        return self._grammar.rule(full if least else f"{empty} | {full}")


def _range(schema: Schema, refuse: Refuse) -> tuple[int | None, int | None]:
    bounds = {keyword: schema[keyword] for keyword in schema if keyword.endswith("imum")}
    for keyword, value in bounds.items():
        if not is_whole(value):
            raise refuse(keyword, "must be a whole number")
    least = [int(bounds[k]) + k.startswith("ex") for k in bounds if k.endswith("inimum")]
    most = [int(bounds[k]) - k.startswith("ex") for k in bounds if k.endswith("aximum")]
    return max(least, default=None), min(most, default=None)


def _numbers(least: int, most: int, refuse: Refuse) -> range:
    if most < least:
        raise refuse("maximum", "is less than the minimum")
    if most - least >= SPAN:
        raise refuse("maximum", f"must leave a range of at most {SPAN} numbers")
    return range(least, most + 1)


def _never(keyword: str, why: str) -> Exception:
    return AssertionError(f"{keyword} {why}")

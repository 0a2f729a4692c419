"""What an engine cannot do is refused by the name of the field that asks for it."""

from typing import get_args

import pytest

from bus.errors import Unsupported
from bus.messages import Format, Sampling, Tool
from inference.abilities import check
from inference.engine import Ability

ALL = frozenset[Ability](get_args(Ability))
TOOLS = (Tool("look"),)
ASKED: list[tuple[Sampling, Ability, str]] = [
    (Sampling(logprobs=0), "logprobs", "logprobs"),
    (Sampling(logprobs=3), "logprobs", "logprobs"),
    (Sampling(logprobs=3), "top_logprobs", "top_logprobs"),
    (Sampling(logit_bias=((7, -100.0),)), "logit_bias", "logit_bias"),
    (Sampling(format=Format()), "json", "response_format"),
    (Sampling(format=Format("{}")), "json_schema", "response_format"),
    (Sampling(tools=TOOLS), "tools", "tools"),
    (Sampling(tools=TOOLS, tool_choice="function:look"), "tools", "tools"),
]
PLAIN = [
    Sampling(temperature=1.0, seed=4, stop=("x",), presence_penalty=1.0),
    Sampling(tools=TOOLS, tool_choice="none"),
]


@pytest.mark.parametrize(("sampling", "ability", "param"), ASKED)
def test_what_needs_an_ability_is_refused_without_it(
    sampling: Sampling, ability: Ability, param: str
) -> None:
    with pytest.raises(Unsupported, match=rf"engine of this model .*`{param}`") as caught:
        check(ALL - {ability}, sampling)
    assert caught.value.param == param


@pytest.mark.parametrize("sampling", [sampling for sampling, *_ in ASKED] + PLAIN)
def test_an_engine_that_can_do_all_is_asked_for_all(sampling: Sampling) -> None:
    check(ALL, sampling)


@pytest.mark.parametrize("sampling", PLAIN)
def test_a_plain_request_needs_no_ability(sampling: Sampling) -> None:
    check((), sampling)


def test_log_probabilities_without_others_do_not_need_others() -> None:
    check(frozenset[Ability](("logprobs",)), Sampling(logprobs=0))


def test_a_schema_does_not_need_the_ability_to_write_any_json() -> None:
    check(frozenset[Ability](("json_schema",)), Sampling(format=Format("{}")))

"""The fields of a chat: how the answer is drawn, and how long it is."""

from tests.api.conformance_shows import (
    WORDS,
    choices,
    ends,
    says,
    scored,
)
from tests.api.conforming import Refusal, Row, Use

LENGTHS = (
    Row(
        "max_completion_tokens",
        "1 to 1,000,000",
        "the answer's length at most; 512 where nothing is said",
        (
            Use({"max_completion_tokens": 2}, ends("one two", "length")),
            Use({"max_completion_tokens": None}, says(WORDS)),
            *(
                Refusal({"max_completion_tokens": value}, "max_completion_tokens")
                for value in (0, "30", 30.0, True)
            ),
        ),
    ),
    Row(
        "max_tokens",
        "1 to 1,000,000",
        "the same; where both are given, `max_completion_tokens` counts",
        (
            Use({"max_tokens": 2}, ends("one two", "length")),
            Use({"max_tokens": 1, "max_completion_tokens": 3}, ends("one two three", "length")),
            *(Refusal({"max_tokens": value}, "max_tokens") for value in (0, 1.5, "30", 30.0)),
        ),
    ),
    Row(
        "min_tokens",
        "0 to 1,000,000",
        "before that the model may not end the answer",
        (
            Use({"min_tokens": 1}, says(WORDS)),
            *(Refusal({"min_tokens": value}, "min_tokens") for value in (-1, "1", 1.0)),
            Refusal({"min_tokens": 3, "max_tokens": 2}, "min_tokens"),
        ),
    ),
    Row(
        "stop",
        "a string, or a list of at most 4",
        "ends the answer before it, which is left out",
        (
            Use({"stop": " three"}, ends("one two", "stop")),
            Use({"stop": ["nowhere", " two"]}, ends("one", "stop")),
            Use({"stop": None}, says(WORDS)),
            Refusal({"stop": list("abcde")}, "stop"),
            Refusal({"stop": ["a", ""]}, "stop[1]"),
            Refusal({"stop": 5}, "stop"),
        ),
    ),
)
CHANCE = (
    *(
        Row(
            name,
            takes,
            does,
            (
                Use({name: good}, says(WORDS)),
                Use({name: None}, says(WORDS)),
                *(Refusal({name: value}, name) for value in (bad, str(good), True)),
            ),
        )
        for name, takes, does, good, bad in (
            (
                "temperature",
                "0 to 2",
                "0: always the likeliest token; so too if left out",
                0.7,
                2.1,
            ),
            ("top_p", "more than 0, to 1", "how much of the likeliest is drawn from", 0.9, 0),
            ("seed", "a whole number of 64 bits", "the same one draws the same answer", -1, 2**64),
            ("presence_penalty", "-2 to 2", "against what was said already", 0.5, 2.1),
            ("frequency_penalty", "-2 to 2", "against what was said often", -0.5, "much"),
        )
    ),
    Row(
        "n",
        "1 to 8",
        "so many answers to the same pictures",
        (
            Use({"n": 3}, lambda answer: [c["index"] for c in choices(answer)] == [0, 1, 2]),
            Use({"n": None}, says(WORDS)),
            *(Refusal({"n": value}, "n") for value in (0, 9, "2", 2.0, True)),
        ),
    ),
    Row(
        "logit_bias",
        "at most 1,024 token ids, each with -100 to 100",
        "favours tokens of the model; an engine that cannot refuses it",
        (
            Use({"logit_bias": {}}, says(WORDS)),
            Refusal({"logit_bias": {"50256": -100}}, "logit_bias", "unsupported"),
            Refusal({"logit_bias": {"the": 1}}, "logit_bias"),
            Refusal({"logit_bias": {"5": 101}}, "logit_bias"),
            Refusal({"logit_bias": {"5": "much"}}, "logit_bias"),
            Refusal({"logit_bias": [5]}, "logit_bias"),
        ),
    ),
    Row(
        "logprobs",
        "true or false",
        "how likely each token was",
        (
            Use({"logprobs": True}, scored),
            Use({"logprobs": False}, lambda answer: choices(answer)[0]["logprobs"] is None),
            *(Refusal({"logprobs": value}, "logprobs") for value in (5, 1, "true")),
        ),
    ),
    Row(
        "top_logprobs",
        "0 to 20, with `logprobs`",
        "and how likely others were in its place",
        (
            Use({"logprobs": True, "top_logprobs": 2}, scored),
            Use({"top_logprobs": 0}, says(WORDS)),
            Refusal({"top_logprobs": 2}, "top_logprobs"),
            *(
                Refusal({"logprobs": True, "top_logprobs": value}, "top_logprobs")
                for value in (21, "2", 2.0)
            ),
        ),
    ),
)

"""P(yes) from how likely a model's first token was to be a yes or a no. Pure."""

from math import exp

from bus.messages import Likely, TokenScore
from inference.yesno import NO, YES

# What tokenizers write for a space, and what models put around a word.
AROUND = " \t\r\n\u2581\u0120\u010a*_\"'`.,:;!"
LEAST_MASS = 0.01  # below, a yes and a no are both so unlikely that their ratio says nothing


def p_yes(score: TokenScore) -> float | None:
    """0 to 1; None where neither a yes nor a no was to be expected."""
    tokens = {_key(token): token for token in (*score.others, score.chosen)}.values()
    yes = sum(exp(token.logprob) for token in tokens if _word(token) in YES)
    no = sum(exp(token.logprob) for token in tokens if _word(token) in NO)
    return yes / (yes + no) if yes + no >= LEAST_MASS else None


def _key(token: Likely) -> tuple[str, bytes]:
    return token.token, token.data


def _word(token: Likely) -> str:
    return token.token.strip(AROUND).lower()

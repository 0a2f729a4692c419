"""Whether an engine can do what a job asks of it. Pure."""

from collections.abc import Collection, Iterator

from bus.errors import Unsupported
from bus.messages import Sampling
from inference.engine import Ability

Need = tuple[Ability, str, str]  # the ability, the field that asks for it, what to do about it


def check(abilities: Collection[Ability], sampling: Sampling) -> None:
    """Raise `Unsupported` with the first field that asks for more than *abilities*."""
    for ability, field, advice in _needs(sampling):
        if ability not in abilities:
            raise Unsupported(f"the engine of this model {advice}", param=field)


def _needs(sampling: Sampling) -> Iterator[Need]:
    if sampling.logprobs is not None:
        yield "logprobs", "logprobs", "gives no log-probabilities: leave `logprobs` out"
    if sampling.logprobs:
        yield (
            "top_logprobs",
            "top_logprobs",
            "tells no tokens beside the chosen one: leave `top_logprobs` out, or set it to 0",
        )
    if sampling.logit_bias:
        yield "logit_bias", "logit_bias", "cannot favour tokens: leave `logit_bias` out"
    if sampling.format and sampling.format.schema:
        yield (
            "json_schema",
            "response_format",
            "cannot follow a JSON schema: leave `response_format` out, and ask for it in words",
        )
    elif sampling.format:
        yield (
            "json",
            "response_format",
            "cannot be held to JSON: leave `response_format` out, and ask for it in words",
        )
    if sampling.tools and sampling.tool_choice != "none":
        yield (
            "tools",
            "tools",
            "calls no functions: leave `tools` out, or set `tool_choice` to none",
        )

"""Where a server that speaks OpenAI's API is, how patient we are with it, and its dialect. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from inference.engine import Ability

KEY_ENV = "LOOKOUT_ENGINE_KEY"


@dataclass(frozen=True)
class Endpoint:
    base_url: str  # with the version, as in http://127.0.0.1:8000/v1
    model: str  # as the server calls it
    key: str = field(default="", repr=False)
    key_env: str = KEY_ENV  # where the key is set, for whoever has to set another one

    @property
    def place(self) -> str:
        """The server, for logs and errors."""
        return urlsplit(self.base_url).netloc


@dataclass(frozen=True)
class Deadlines:
    """Seconds. Past one, the request is given up and its connection closed."""

    connect_s: float = 5.0
    first_token_s: float = 120.0  # from the request to the first piece of an answer
    token_s: float = 30.0  # from one piece to the next


@dataclass(frozen=True)
class Dialect:
    """What this kind of server wants, or can do. The defaults are OpenAI's own."""

    json: Literal["json_schema", "schema_text", "none"] = "json_schema"
    tools: bool = True
    logit_bias: bool = True
    min_tokens: bool = False
    top_logprobs_most: int = 20
    system_first: bool = False  # one system message, and nothing before it
    list_content_only_for_user: bool = False
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_completion_tokens"
    stream_usage: bool = True  # knows `stream_options`
    greedy: bool = False  # may be told temperature 0 where a request has none
    any_model: bool = False  # answers to whatever model it is asked for

    @property
    def abilities(self) -> frozenset[Ability]:
        """What servers of this kind can do, unless they were started otherwise."""
        found: set[Ability] = {"logprobs"}
        if self.top_logprobs_most:
            found.add("top_logprobs")
        if self.logit_bias:
            found.add("logit_bias")
        if self.json != "none":
            found |= {"json", "json_schema"}
        if self.tools:
            found.add("tools")
        return frozenset(found)


OPENAI = Dialect()
LOOKOUT = Dialect(min_tokens=True, max_tokens_field="max_tokens", greedy=True)
# A server we do not know: what it might silently leave out is not asked of it.
COMPATIBLE = Dialect(
    logit_bias=False, system_first=True, max_tokens_field="max_tokens", greedy=True
)
VLLM = Dialect(min_tokens=True, system_first=True, max_tokens_field="max_tokens", greedy=True)
LLAMACPP = Dialect(system_first=True, max_tokens_field="max_tokens", greedy=True, any_model=True)
MLC = Dialect(
    json="schema_text",
    tools=False,
    system_first=True,
    list_content_only_for_user=True,
    max_tokens_field="max_tokens",
    greedy=True,
)

# By what a server's list of models says of who owns them.
BY_OWNER: Mapping[str, Dialect] = {
    "vllm": VLLM,
    "sglang": VLLM,
    "llamacpp": LLAMACPP,
    "MLC-LLM": MLC,
    "lookout": LOOKOUT,
}

"""
Every field of `POST /v1/chat/completions`: what it takes, what it does, what is refused.

`python -m tests.api.conformance` writes the tables into docs/openai-compatibility.md.
"""

from api.chat_request import ChatRequest
from tests.api.asking import CHAT
from tests.api.conformance_forms import FORMATS, TOOLS
from tests.api.conformance_messages import MESSAGES
from tests.api.conformance_sampling import CHANCE, LENGTHS
from tests.api.conformance_shows import WORDS, chunks, counted, says, talk, user
from tests.api.conforming import PAGE, Refusal, Row, Table, Use, page_with

WHERE = (
    Row(
        "model",
        "a name that `/v1/models` lists; `default`, nothing",
        "which model answers; `LOOKOUT_DEFAULT_MODEL`, or the first one, where none is named",
        (
            *(Use({"model": name}, says(WORDS)) for name in ("echo", "default", "", None)),
            Refusal({"model": "gpt-4o"}, "model", "model_not_found", 404),
            Refusal({"model": "m" * 257}, "model"),
        ),
    ),
    Row(
        "stream",
        "true or false",
        "the answer comes in pieces, as server-sent events that end with `[DONE]`",
        (
            Use({"stream": True}, lambda answer: len(chunks(answer)) > 2),
            Use({"stream": False}, says(WORDS)),
            *(Refusal({"stream": value}, "stream") for value in ("sometimes", "true", 1)),
        ),
    ),
    Row(
        "stream_options",
        "an object, with `stream`",
        "what else the stream tells",
        (
            Use({"stream_options": None}, says(WORDS)),
            Refusal({"stream_options": {"include_usage": True}}, "stream_options"),
            Refusal({"stream": True, "stream_options": {"colour": 1}}, "stream_options.colour"),
        ),
    ),
    Row(
        "stream_options.include_usage",
        "true or false",
        "the tokens are counted in an event of their own, the last one",
        (
            Use({"stream": True, "stream_options": {"include_usage": True}}, counted),
            *(
                Refusal(
                    {"stream": True, "stream_options": {"include_usage": value}},
                    "stream_options.include_usage",
                )
                for value in ("perhaps", "true", 1)
            ),
        ),
    ),
    Row(
        "stream_options.include_obfuscation",
        "anything",
        "",
        (
            Use(
                {"stream": True, "stream_options": {"include_obfuscation": True}},
                lambda answer: len(chunks(answer)) > 2,
            ),
        ),
        "ignored",
    ),
)
REFUSED = tuple(
    Row(
        name,
        takes,
        why,
        (
            *(Use({name: nothing}, says(WORDS)) for nothing in (None, *allowed)),
            Refusal({name: value}, name),
        ),
        "refused",
    )
    for name, value, takes, why, allowed in (
        ("functions", [{"name": "a"}], "nothing", "deprecated: use `tools`", ([],)),
        ("function_call", "auto", "nothing", "deprecated: use `tool_choice`", ("none",)),
        ("modalities", ["text", "audio"], '`["text"]`', "answers are text", (["text"],)),
        ("audio", {"voice": "alloy"}, "nothing", "answers are text", ()),
        ("prediction", {"type": "content"}, "nothing", "no engine makes use of it", ()),
        (
            "web_search_options",
            {"search_context_size": "low"},
            "nothing",
            "nothing is searched",
            (),
        ),
        ("moderation", {"model": "a"}, "nothing", "nothing is moderated", ()),
    )
)
IGNORED = tuple(
    Row(name, "anything", why, (Use({name: value}, says(WORDS)),), "ignored")
    for name, value, why in (
        ("user", "n8n", ""),
        ("store", True, "nothing is kept; [/v1/responses](responses.md) can keep answers"),
        ("metadata", {"run": "17"}, ""),
        ("service_tier", "auto", ""),
        ("prompt_cache_key", "key", "what can be reused is"),
        ("prompt_cache_options", {"mode": "explicit"}, ""),
        ("prompt_cache_retention", "24h", ""),
        ("reasoning_effort", "low", ""),
        ("safety_identifier", "someone", ""),
        ("verbosity", "low", ""),
    )
)
CHAT_TABLE = Table(
    CHAT,
    ChatRequest,
    talk(user(WORDS)),
    (*WHERE, *MESSAGES, *LENGTHS, *CHANCE, *FORMATS, *TOOLS, *REFUSED, *IGNORED),
)
TABLES = (CHAT_TABLE,)


def main() -> None:
    page = PAGE.read_text()
    for table in TABLES:
        page = page_with(table, page)
    PAGE.write_text(page)


if __name__ == "__main__":
    main()

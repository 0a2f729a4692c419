"""What a server can really do, found out with requests for one token each."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from bus.errors import BadJob, EngineError, LookoutError
from bus.messages import Delta, Finished, Format, Sampling, TokenScore, Tool
from bus.tasks import together
from inference.engine import Ability, EngineLost, Pixels, Turn
from inference.upstream.endpoint import Dialect, Endpoint
from inference.upstream.pictures import Urls, data_url

log = logging.getLogger(__name__)

SIDE = 64  # pixels; some models take no smaller picture
SCHEMA = '{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]}'
SAY_JSON = Turn("user", ('Answer with the JSON object {"ok": true}.',))
HELLO = Turn("user", ("Hello",))
NO_PICTURES: Urls = {}
FEWER_LIKELY = 5  # some servers are set up to tell no more than these

ASKING: dict[Ability, Sampling] = {
    "logprobs": Sampling(max_tokens=1, logprobs=0),
    "logit_bias": Sampling(max_tokens=1, logit_bias=((1, -1.0),)),
    "json": Sampling(max_tokens=1, format=Format()),
    "json_schema": Sampling(max_tokens=1, format=Format(SCHEMA, "answer")),
    "tools": Sampling(max_tokens=1, tools=(Tool("look", "Looks.", '{"type":"object"}'),)),
}


@dataclass
class Findings:
    """What is known of a server. What has no clear answer yet is as the dialect has it."""

    can: dict[Ability, bool] = field(default_factory=dict)
    pictures_most: int | None = None  # 2 stands for several
    top_most: int | None = None

    @property
    def series(self) -> bool:
        return self.pictures_most is None or self.pictures_most > 1

    def of(self, dialect: Dialect) -> frozenset[Ability]:
        return frozenset(a for a in dialect.abilities if self.can.get(a, True))

    def top_logprobs_most(self, dialect: Dialect) -> int:
        return dialect.top_logprobs_most if self.top_most is None else self.top_most


class Probed(Protocol):
    endpoint: Endpoint
    dialect: Dialect

    def say(
        self, turns: Sequence[Turn], sampling: Sampling, urls: Urls
    ) -> AsyncGenerator[Delta | Finished]: ...


async def probe(server: Probed, findings: Findings) -> None:
    """Complete *findings*. A clear no is one; raise what makes even a plain request fail."""
    if findings.pictures_most is None:
        findings.pictures_most = await _pictures_most(server)
        if findings.pictures_most == 0:
            log.warning("engine sees nothing: it takes no pictures model=%s", server.endpoint.model)
    asked = [a for a in ASKING if a in server.dialect.abilities and a not in findings.can]
    answers = await together(_can(server, ability) for ability in asked)
    findings.can |= {a: can for a, can in zip(asked, answers, strict=True) if can is not None}
    if findings.top_most is None and "top_logprobs" in server.dialect.abilities:
        findings.top_most = await _top_most(server)
        findings.can["top_logprobs"] = findings.top_most != 0


async def _pictures_most(server: Probed) -> int:
    """2, 1 or 0."""
    picture: Pixels = np.full((SIDE, SIDE, 3), 128, np.uint8)
    urls = {id(picture): data_url(picture, SIDE)}
    for number in (2, 1):
        try:
            shown = Turn("user", (*(number * [picture]), "Hello"))
            await _first(server, shown, Sampling(max_tokens=1), urls)
            return number
        except BadJob:
            continue
        except EngineLost:
            raise
        except EngineError:  # so some answer to a picture where they have no eyes
            continue
    await _first(server, HELLO, Sampling(max_tokens=1))
    return 0


async def _can(server: Probed, ability: Ability) -> bool | None:
    """None: it was not to be found out."""
    try:
        turn = SAY_JSON if ability.startswith("json") else HELLO
        score = await _first(server, turn, ASKING[ability])
        return ability != "logprobs" or score is not None
    except BadJob:
        return False
    except LookoutError as error:
        if ability in str(error):  # "tools param requires …", with a status as if it had failed
            return False
        log.warning("engine ability unknown ability=%s error=%s", ability, error)
        return None


async def _top_most(server: Probed) -> int | None:
    for most in (server.dialect.top_logprobs_most, FEWER_LIKELY):
        try:
            score = await _first(server, HELLO, Sampling(max_tokens=1, logprobs=most))
            return most if score and score.others else 0
        except BadJob:
            continue
        except LookoutError as error:
            log.warning("engine ability unknown ability=top_logprobs error=%s", error)
            return None
    return 0


async def _first(
    server: Probed, turn: Turn, sampling: Sampling, urls: Urls = NO_PICTURES
) -> TokenScore | None:
    """What is told of the first token of an answer to *turn*."""
    score: TokenScore | None = None
    async with aclosing(server.say([turn], sampling, urls)) as events:
        async for event in events:
            if isinstance(event, Delta) and event.scores:
                score = score or event.scores[0]
    return score

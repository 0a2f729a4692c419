"""Marked alerts of a running server: their snapshots scored again, to suggest thresholds."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from alerts.judging import question_of
from bus.alerts import Alert
from bus.errors import Unavailable
from bus.jpeg import Pixels, decode_jpeg
from bus.rule_parsing import parse_rule
from bus.rules import Rule
from compose.client import open_client, reason
from compose.replay.thresholds import Suggestion, by_answers
from inference.engine import Engine
from inference.judging import judge, looks

PAGE = 100


@dataclass(frozen=True)
class Marked:
    """An alert that its owner has called right or wrong, and what was judged."""

    alert: str
    rule: str
    question: str
    camera: str
    correct: bool
    picture: Pixels


@dataclass(frozen=True)
class Feedback:
    rule: Rule
    answers: Sequence[tuple[float, bool]]  # the score now, and whether it was right
    suggestion: Suggestion | None


def marked_alerts(url: str, key: str | None = None) -> Iterator[Marked]:
    """Raise `Unavailable` when the server gives none; alerts without a picture are left out."""
    try:
        with open_client(url.rstrip("/"), key) as client:
            for found in _pages(client):
                alert = _alert(found)
                if alert.correct is not None and (picture := _picture(client, alert)) is not None:
                    event = alert.fired
                    about = alert.id, event.rule.id, event.rule.question, event.camera
                    yield Marked(*about, alert.correct, picture)
    except httpx.ConnectError as error:
        raise Unavailable(f"nothing answers at {url}: start it with `lookout up`") from error
    except httpx.HTTPStatusError as error:
        raise Unavailable(f"{url}: {reason(error.response)}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(f"{url}: {error}") from error
    except (ValueError, LookupError, TypeError, msgspec.ValidationError) as error:
        raise Unavailable(f"{url}: this is no list of alerts") from error


def _pages(client: httpx.Client) -> Iterator[dict[str, Any]]:
    query: dict[str, str | int] = {"limit": PAGE}
    while True:
        page = client.get("/v1/alerts", params=query).raise_for_status().json()
        yield from page["data"]
        if not page.get("has_more"):
            return
        query["after"] = page["last_id"]


def _alert(found: dict[str, Any]) -> Alert:
    return msgspec.convert(found, Alert)


def _picture(client: httpx.Client, alert: Alert) -> Pixels | None:
    """None when it was kept no longer."""
    answer = client.get(f"/v1/alerts/{alert.id}/snapshot.jpg")
    return decode_jpeg(answer.content) if answer.status_code == httpx.codes.OK else None


async def score_again(
    engine: Engine, marked: Iterable[Marked], rules: Sequence[Rule]
) -> list[Feedback]:
    """
    By rule. Those that are not among *rules* are asked as their alerts were, without
    the zones and prompts they may have had.
    """
    known = {rule.id: rule for rule in rules}
    answers: dict[str, list[tuple[float, bool]]] = {}
    for one in marked:
        rule = known.setdefault(one.rule, parse_rule({"id": one.rule, "question": one.question}))
        question = question_of(rule, one.camera)
        (score,) = (await judge(engine, looks([one.picture], [question]))).scores
        if score is not None:
            answers.setdefault(rule.id, []).append((score, one.correct))
    return [Feedback(known[rule], found, by_answers(found)) for rule, found in answers.items()]


def feedback_lines(found: Sequence[Feedback]) -> Iterator[str]:
    for one in found:
        right = sorted(score for score, correct in one.answers if correct)
        wrong = sorted(score for score, correct in one.answers if not correct)
        yield f"{one.rule.id}: {one.rule.question}"
        yield f"  right       {_range(right)}"
        yield f"  wrong       {_range(wrong)}"
        if one.suggestion is None:
            yield "  thresholds  mark some as right and some as wrong to have others suggested"
        else:
            better = one.suggestion
            yield f"  thresholds  on {better.on:.2f}, off {better.off:.2f}, for {better.reason}"
    if not found:
        yield "no alert with a picture has been marked as right or wrong"


def _range(scores: Sequence[float]) -> str:
    if not scores:
        return "none"
    return f"{len(scores)}, scores from {scores[0]:.2f} to {scores[-1]:.2f}"

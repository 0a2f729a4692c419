"""What a replay has shown, in words: for the terminal, and for the report. Pure."""

from collections.abc import Iterator

from compose.replay.playing import Alert
from compose.replay.results import Results, RuleResult
from compose.replay.spans import Verdict

MOST_EVENTS = 20  # that are listed one by one


def clock(at_s: float) -> str:
    """`1:02:03.4`, without hours that are none."""
    tenths = round(at_s * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{tenths // 10:02}.{tenths % 10}"
    return f"{hours}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"


def summary(results: Results) -> Iterator[str]:
    """Line by line."""
    for result in results.rules:
        yield f"{result.rule.id}: {result.rule.question}"
        yield from (f"  {what:<11} {text}" for what, text in about(result))
    yield from run_lines(results)


def about(result: RuleResult) -> Iterator[tuple[str, str]]:
    yield "alerts", _alerts(result)
    looks = len(result.looks)
    yield "judged", f"{result.judged} of {looks} looks, {result.spared:.0%} spared by the gate"
    if unsure := result.judged - len(result.scored):
        yield "unsure", f"{unsure} answers were neither yes nor no"
    if result.verdict:
        yield "labels", verdict_text(result.verdict)
    yield "thresholds", threshold_text(result)
    if result.per_day:
        counts = ", ".join(f"{on:g}: {count:,}" for on, count in result.per_day)
        yield "a day", f"alerts if every day were like this, by `on`: {counts}"


def _alerts(result: RuleResult) -> str:
    listed = ", ".join(map(alert_text, result.alerts[:MOST_EVENTS]))
    more = len(result.alerts) - MOST_EVENTS
    return listed + (f" and {more} more" if more > 0 else "") or "none"


def alert_text(alert: Alert) -> str:
    ended_s = alert.span.ended_s
    until = "the end" if ended_s is None else clock(ended_s)
    return f"{clock(alert.span.fired_s)} to {until} ({alert.score:.2f})"


def verdict_text(verdict: Verdict) -> str:
    false, missed = len(verdict.false), len(verdict.missed)
    text = f"{false} false alarms ({verdict.false_per_hour:.1f} an hour)"
    text += f", {missed} of {verdict.events} events missed"
    if verdict.median_s is not None and verdict.worst_s is not None:
        text += f", detected after {verdict.median_s:.1f} s (median), {verdict.worst_s:.1f} s"
        text += " (worst)"
    return text


def threshold_text(result: RuleResult) -> str:
    rule, better = result.rule, result.suggestion
    now = f"on {rule.on:.2f}, off {rule.off:.2f}"
    if better:
        return f"{now}; suggested: on {better.on:.2f}, off {better.off:.2f}, for {better.reason}"
    scores = [score for _, score in result.scored]
    if not scores:
        return f"{now}; there is no score to suggest others from"
    return (
        f"{now}; nothing parts the scores, which lie between {min(scores):.2f} and"
        f" {max(scores):.2f}: label what is true, and try again"
    )


def run_lines(results: Results) -> Iterator[str]:
    played, p50, p95 = results.played, results.judge_ms(50), results.judge_ms(95)
    if p50 is not None and p95 is not None:
        yield f"judging: {p50:.0f} ms (median), {p95:.0f} ms (95 %), for all rules due together"
        every_s = min(rule.every_s for rule in played.rules)
        if p95 > every_s * 1000:
            yield f"  live, this machine could not judge every {every_s:g} s"
    if played.by == "text":
        yield "  the model has said yes or no, so all scores are 0 or 1"
    took = f"{played.seconds:.1f} s of {results.run.recording} in {results.run.took_s:.1f} s"
    yield f"{took}, {results.speed:.1f} times as fast" + ("" if results.run.whole else "; stopped")

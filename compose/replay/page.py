"""`report.html`: one file without any other, well-formed as XML. Pure."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from compose.replay.chart import outline, ticks
from compose.replay.playing import Alert
from compose.replay.results import Results, RuleResult
from compose.replay.words import about, clock, run_lines

MOST_SNAPSHOTS = 200  # of a rule
WIDTH, HEIGHT = 1000, 160
STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; }
svg { width: 100%; height: auto; overflow: visible; }
svg text { font-size: 11px; fill: currentColor; opacity: .7; }
table { border-collapse: collapse; }
td, th { text-align: left; padding: .2em 1em .2em 0; vertical-align: top; }
figure { display: inline-block; margin: .5em 1em .5em 0; max-width: 320px; }
figure img { width: 100%; border-radius: 4px; }
.frame { fill: none; stroke: currentColor; opacity: .3; }
.alert { fill: #d33; opacity: .25; } .truth { fill: #2a2; }
.score { fill: none; stroke: #27c; stroke-width: 1.5; } .motion { fill: none; stroke: #999; }
.on { stroke: #d33; stroke-dasharray: 6 4; } .off { stroke: #888; stroke-dasharray: 2 4; }
"""
LEGEND = (
    "Blue: P(yes). Grey: the changed share of the picture. Dashed: the thresholds on and off."
    " Red: an alert fires. Green: labelled as true."
)


def page(results: Results) -> str:
    name = escape(results.run.recording)
    lines = "".join(f"<p>{escape(line)}</p>" for line in run_lines(results))
    rules = "".join(map(_section, results.rules, [results.played.seconds] * len(results.rules)))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f"<title>Replay of {name}</title><style>{STYLE}</style></head>"
        f"<body><h1>Replay of {name}</h1><p>Model {escape(results.run.model)}.</p>{lines}"
        f"<p>{LEGEND}</p>{rules}</body></html>\n"
    )


def _section(result: RuleResult, seconds: float) -> str:
    rule = result.rule
    facts = "".join(f"<tr><th>{w}</th><td>{escape(text)}</td></tr>" for w, text in about(result))
    shown = "".join(map(_figure, result.alerts[:MOST_SNAPSHOTS]))
    title = escape(f"{rule.id}: {rule.question}")
    return (
        f'<section id="{escape(rule.id)}"><h2>{title}</h2>{_svg(result, seconds)}'
        f"<table>{facts}</table>{_table(result.alerts)}<div>{shown}</div></section>"
    )


def _table(alerts: Sequence[Alert]) -> str:
    if not alerts:
        return ""
    head = "<tr><th>alert</th><th>began</th><th>fired</th><th>over</th><th>score</th></tr>"
    return f'<table class="alerts">{head}{"".join(map(_row, alerts))}</table>'


def _row(alert: Alert) -> str:
    span = alert.span
    over = "" if span.ended_s is None else clock(span.ended_s)
    times = clock(span.started_s), clock(span.fired_s), over
    cells = (alert.id, *times, f"{alert.score:.3f}")
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _figure(alert: Alert) -> str:
    picture = base64.b64encode(alert.snapshot).decode()
    caption = f"{alert.id}, {clock(alert.span.fired_s)}, {alert.score:.2f}"
    return (
        f'<figure><img alt="{alert.id}" src="data:image/jpeg;base64,{picture}"/>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _svg(result: RuleResult, seconds: float) -> str:
    wide = WIDTH / seconds if seconds else 0.0
    parts = [*_spans(result, seconds, wide), *_axis(seconds, wide)]
    for name, value in (("on", result.rule.on), ("off", result.rule.off)):
        y = HEIGHT * (1 - value)
        parts.append(f'<line class="{name}" x1="0" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}"/>')
    moved = [(look.at_s, look.motion) for look in result.looks]
    for kind, points in (("motion", moved), ("score", result.course)):
        line = _points(outline(points, seconds, WIDTH), wide)
        parts.append(f'<polyline class="{kind}" points="{line}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-30 -5 {WIDTH + 40} {HEIGHT + 30}"'
        f' role="img" aria-label="score over time">{"".join(parts)}</svg>'
    )


def _spans(result: RuleResult, seconds: float, wide: float) -> Iterator[str]:
    for span in result.spans:
        ends_s = seconds if span.ended_s is None else span.ended_s
        yield _rect("alert", (span.fired_s * wide, ends_s * wide), (0, HEIGHT))
    for truth in result.truths or ():
        ends = truth.from_s * wide, min(seconds, truth.to_s) * wide
        yield _rect("truth", ends, (HEIGHT - 5, HEIGHT))


def _rect(kind: str, across: tuple[float, float], down: tuple[float, float]) -> str:
    width, height = max(1.0, across[1] - across[0]), down[1] - down[0]
    place = f'x="{across[0]:.1f}" y="{down[0]:.1f}"'
    return f'<rect class="{kind}" {place} width="{width:.1f}" height="{height:.1f}"/>'


def _axis(seconds: float, wide: float) -> Iterator[str]:
    yield f'<rect class="frame" x="0" y="0" width="{WIDTH}" height="{HEIGHT}"/>'
    for at_s in ticks(seconds):
        yield f'<text x="{at_s * wide:.1f}" y="{HEIGHT + 16}">{clock(at_s)[:-2]}</text>'
    for value in (0, 0.5, 1):
        yield f'<text x="-26" y="{HEIGHT * (1 - value) + 4:.1f}">{value:g}</text>'


def _points(points: Iterable[tuple[float, float]], wide: float) -> str:
    return " ".join(f"{at_s * wide:.1f},{HEIGHT * (1 - value):.1f}" for at_s, value in points)
